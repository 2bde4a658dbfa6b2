import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { systemCode } from '../errors/index.js';
import type { CodeRecord } from '../pipeline/code-digest.js';
import { flatten, type Scalar } from './flatten.js';
import { readJournal } from './journal-reader.js';
import { collectProvenance, type Provenance } from './provenance.js';
import { readProvenance } from './record-format.js';
import { readPerImage } from './results.js';
import { differences, type Difference } from './run-diff.js';
import type { Run } from './runs-folder.js';

/** What bears on numbers: not when, where from and by whom it was started. */
const BEARS =
  /^(code\.core$|code\.plugins\..*\.digest$|(git|specGit|software|lockFile|machine\.(cpu|gpus|os)|environment)\b)/;
/** Says where things are, not what they are. */
const PLACES = /^environment\.(SHIELD_(RUNS|CACHE)|MLFLOW_)/;

/** A file that a run read, whose content is known by its hash and is another today, or gone. */
export interface ChangedResource {
  readonly path: string;
  readonly sha256: string;
  /** undefined where it cannot be read. */
  readonly now: string | undefined;
}

export interface Today {
  /** a: as recorded, b: as it is here and now. */
  readonly provenance: readonly Difference[];
  readonly resources: readonly ChangedResource[];
  /** Files whose content was compared. */
  readonly resourcesCompared: number;
}

/**
 * Compares today's code, software, machine and data with what a run recorded. Nothing is checked out or changed.
 *
 * @param code of the plugins as they are today; without it, and for runs that did not record theirs, it is not compared
 * @throws JOURNAL_CORRUPT, RUN_FORMAT
 */
export async function compareToday(run: Run, code?: CodeRecord): Promise<Today> {
  const recorded = await readProvenance(run);
  const { specDir, seed } = recorded;
  const { record } = await collectProvenance({
    specDir,
    seed,
    commandLine: [],
    ...(code && recorded.code ? { code } : {}),
  });
  const relevant = (provenance: Provenance): Record<string, Scalar> =>
    Object.fromEntries(
      Object.entries(flatten(provenance)).filter(
        ([key]) => BEARS.test(key) && !PLACES.test(key) && (code || !key.startsWith('code.')),
      ),
    );
  const resources: ChangedResource[] = [];
  const seen = new Set<string>();
  for await (const entry of readJournal(run.files.journal)) {
    if (entry.type !== 'resource' || entry.sha256 === undefined || seen.has(entry.path)) continue;
    seen.add(entry.path);
    const now = await hashOf(entry.path);
    if (now !== entry.sha256) resources.push({ path: entry.path, sha256: entry.sha256, now });
  }
  return { provenance: differences(relevant(recorded), relevant(record)), resources, resourcesCompared: seen.size };
}

export interface ImageComparison {
  /** Images that both runs have. */
  readonly images: number;
  /** Of these, the images all of whose verdicts, probabilities and norms are the same to the last bit. */
  readonly identical: number;
  /** The largest relative difference of any number of any image, 0 where all are the same. */
  readonly largest: number;
  /** Where that is: the image and the key within its row. */
  readonly where: { readonly id: string; readonly key: string } | undefined;
  /** Images that only one of the runs has. */
  readonly missing: number;
}

/** Compares the rows of per-image.jsonl number by number. @throws RECORD_CORRUPT */
export async function compareImages(a: Run, b: Run): Promise<ImageComparison> {
  const before = new Map<string, string>();
  for await (const row of rows(a)) before.set(row.id, JSON.stringify(row));
  let [images, identical, largest, missing] = [0, 0, 0, 0];
  let where: ImageComparison['where'];
  for await (const row of rows(b)) {
    const earlier = before.get(row.id);
    before.delete(row.id);
    if (earlier === undefined) {
      missing++;
      continue;
    }
    images++;
    if (earlier === JSON.stringify(row)) {
      identical++;
      continue;
    }
    for (const { key, a: x, b: y } of differences(flatten(JSON.parse(earlier)), flatten(row))) {
      const size = relative(x, y);
      if (size <= largest) continue;
      largest = size;
      where = { id: row.id, key };
    }
  }
  return { images, identical, largest, where, missing: missing + before.size };
}

/** |x − y| / max(|x|, |y|); 1 where they are no numbers. */
function relative(x: Scalar | undefined, y: Scalar | undefined): number {
  if (typeof x !== 'number' || typeof y !== 'number') return 1;
  return Math.abs(x - y) / Math.max(Math.abs(x), Math.abs(y));
}

async function* rows(run: Run): AsyncGenerator<{ readonly id: string }> {
  if (existsSync(run.files.perImage)) yield* readPerImage(run) as AsyncGenerator<{ readonly id: string }>;
}

async function hashOf(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
    return hash.digest('hex');
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
