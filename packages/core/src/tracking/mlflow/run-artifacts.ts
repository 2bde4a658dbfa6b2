import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Run } from '../runs-folder.js';
import type { MlflowApi } from './api.js';
import { writePerImageTable } from './per-image-table.js';
import type { KeyValue } from './words.js';

/** The table's path below the run's artifacts. */
export const TABLE = 'per-image.json';

/** What MLflow's pages need to show the table and the strips. */
export const TABLE_TAG: KeyValue = {
  key: 'mlflow.loggedArtifacts',
  value: JSON.stringify([{ path: TABLE, type: 'table' }]),
};
export const IMAGES_TAG: KeyValue = { key: 'mlflow.loggedImages', value: 'True' };

/** Files of the run's own that are no results (locks, the state of sending, drafts), and names that MLflow refuses. */
const NOT_SENT = /^(\.|lock\.json|mlflow\.json|.*\.sound$)|[^\w\-. +~]/;
const THUMBNAIL = 256;

export type Sent = Readonly<Record<string, string>>;

/**
 * Sends the files of a run that are new or have changed: everything in its directory under its own name, the per-image
 * table, and strips once more in the form that MLflow shows among its images.
 *
 * @param sent what is there already; files by their size and time of change
 * @param ended whether journal, logs and results are final; before that only what does not change is sent
 * @param onSent called after each file, with the tag that makes MLflow show it
 */
export async function sendArtifacts(
  api: MlflowApi,
  artifactUri: string,
  run: Run,
  options: {
    readonly sent: Sent;
    readonly ended: boolean;
    readonly onSent: (name: string, mark: string, tag: KeyValue | undefined) => Promise<void>;
  },
): Promise<void> {
  for (const name of await filesBelow(run.path)) {
    if (!options.ended && GROWING.test(name)) continue;
    const path = join(run.path, name);
    const { size, mtimeMs } = await stat(path);
    const mark = `${size} ${Math.trunc(mtimeMs)}`;
    if (options.sent[name] === mark) continue;
    await api.uploadArtifact(artifactUri, name, { path, bytes: size });
    const isStrip = /^strip-.*\.png$/.test(name);
    if (isStrip) await sendStrip(api, artifactUri, path, name, Math.trunc(mtimeMs));
    const isTable = name === 'per-image.jsonl' && (await sendTable(api, artifactUri, run));
    await options.onSent(name, mark, isStrip ? IMAGES_TAG : isTable ? TABLE_TAG : undefined);
  }
}

/** Written to until the run ends. */
const GROWING = /^(journal\.jsonl$|console\.log$|checkpoints\/|weights)/;

async function filesBelow(folder: string, prefix = ''): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
    if (NOT_SENT.test(entry.name)) continue;
    const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await filesBelow(folder, name)));
    else if (entry.isFile()) found.push(name);
  }
  return found.sort();
}

async function sendTable(api: MlflowApi, artifactUri: string, run: Run): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'shield-table-'));
  try {
    const path = join(folder, TABLE);
    if (!(await writePerImageTable(run, path))) return false;
    await api.uploadArtifact(artifactUri, TABLE, { path, bytes: (await stat(path)).size });
    return true;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** As MLflow's `log_image` with a key and a step names its two files: the picture, and a small one for the overview. */
async function sendStrip(
  api: MlflowApi,
  artifactUri: string,
  path: string,
  name: string,
  timestamp: number,
): Promise<void> {
  const key = name.replace(/\.png$/, '').replaceAll('/', '~');
  const stem = `images/${key}+step+0+timestamp+${timestamp}+${uuidOf(name)}`;
  const { default: sharp } = await import('sharp');
  const small = await sharp(path).resize(THUMBNAIL, THUMBNAIL, { fit: 'inside' }).webp().toBuffer();
  await api.uploadArtifact(artifactUri, `${stem}.png`, { path, bytes: (await stat(path)).size });
  await api.uploadArtifact(artifactUri, `${stem}+compressed.webp`, small);
}

/** The same for the same name, so that what is sent again lands in the same place. */
function uuidOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
