import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { canonicalHash } from '../../spec/canonical.js';
import type { ResolvedSpec } from '../../spec/resolved-spec.js';
import { flatten } from '../flatten.js';
import { scanJournal } from '../journal-reader.js';
import { readProvenance } from '../record-format.js';
import type { Run } from '../runs-folder.js';
import type { DatasetInput, KeyValue } from './words.js';
import { mlflowParam, mlflowTag } from './names.js';

/** The tag by which a run is found again. */
export const RUN_TAG = 'shield.run_id';

const LONGEST_DIGEST = 36;

/** What is known of a run from its beginning. */
export interface Description {
  readonly name: string;
  readonly tags: readonly KeyValue[];
  readonly params: readonly KeyValue[];
}

/** The resolved spec as params, provenance as the tags that MLflow shows (user, source, commit, note). */
export async function describeRun(run: Run): Promise<Description> {
  const spec = await readSpec(run);
  const provenance = await readProvenance(run);
  const { git, machine } = provenance;
  // A cell's stands in the directory of its sweep.
  const diffFile = join(run.path, (git?.available && git.diff?.file) || 'dirty.diff');
  const diff = existsSync(diffFile) ? await readFile(diffFile, 'utf8') : undefined;
  const tags: Record<string, string | undefined> = {
    [RUN_TAG]: run.id,
    'mlflow.user': machine?.user,
    'mlflow.source.name': run.commandLine.join(' ') || 'shield',
    'mlflow.source.type': 'LOCAL',
    'mlflow.note.content': spec?.description,
    'shield.spec_hash': run.hash,
    'shield.spec_name': run.name,
    'shield.sweep': run.sweep,
    'shield.cell': run.cell === undefined ? undefined : String(run.cell),
    'shield.kind': run.kind,
    'shield.reproduces': run.reproduces,
    'shield.version': provenance.software?.['shield'] ?? provenance.software?.['@shield/core'],
    'shield.host': machine?.host,
    ...(git?.available
      ? {
          'mlflow.source.git.commit': git.commit,
          'mlflow.source.git.branch': git.branch,
          'mlflow.source.git.dirty': String(git.dirty),
          'mlflow.source.git.diff': diff,
        }
      : {}),
  };
  return {
    name: run.id,
    tags: Object.entries(tags).flatMap(([key, value]) =>
      value === undefined || value === ''
        ? []
        : [mlflowTag(key, value, key.endsWith('.diff') ? 'dirty.diff' : 'provenance.json')],
    ),
    params: Object.entries({ ...(await pluginsSwept(run)), ...flatten(paramsOf(spec)) }).map(([key, value]) =>
      mlflowParam(key, value, 'resolved.yaml'),
    ),
  };
}

/**
 * What a cell's sweep set that its resolved spec has by no such key: whole plugins, such as `attack`, by which cells are
 * told apart. Nothing, where the sweep's directory is on another machine.
 */
async function pluginsSwept({ path, sweep, cell }: Run): Promise<Readonly<Record<string, unknown>>> {
  if (sweep === undefined) return {};
  const file = join(dirname(path), sweep, 'sweep.json');
  if (lastPoints?.file !== file) lastPoints = { file, points: readPoints(file) };
  const params = (await lastPoints.points).get(cell) ?? {};
  return Object.fromEntries(PLUGIN_KEYS.flatMap((key) => (key in params ? [[key, shown(params[key])]] : [])));
}

const PLUGIN_KEYS = ['attack', 'defense', 'model', 'dataset'];

/** Of the sweep that was asked for last: its cells come after one another. */
let lastPoints: { readonly file: string; readonly points: Promise<Points> } | undefined;

type Points = ReadonlyMap<number | undefined, Readonly<Record<string, unknown>>>;

async function readPoints(file: string): Promise<Points> {
  try {
    const { cells } = JSON.parse(await readFile(file, 'utf8')) as {
      cells: { cell: number; params: Record<string, unknown> }[];
    };
    return new Map(cells.map(({ cell, params }) => [cell, params]));
  } catch {
    return new Map();
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Of a sweep its settings: its points are the params of its cells. */
function paramsOf(spec: Partial<ResolvedSpec> & { readonly sweep?: object } = {}): object {
  if (!spec.sweep) return spec;
  const { points: _points, ...settings } = spec.sweep as { points?: unknown };
  return { ...spec, sweep: settings };
}

/**
 * The run's dataset as MLflow shows inputs. Its digest is the dataset's own, from the key of the first artifact, or
 * where there is none of how the spec names it.
 */
export async function datasetInput(run: Run): Promise<DatasetInput | undefined> {
  const spec = await readSpec(run);
  // Of a sweep over datasets there is none in common.
  if (!spec?.dataset?.use) return undefined;
  const { use, ...options } = spec.dataset;
  const content = await datasetContent(run);
  const images = await numberOfImages(run);
  return {
    tags: [{ key: 'mlflow.data.context', value: spec.perform?.includes('train') ? 'training' : 'evaluation' }],
    dataset: {
      name: use,
      digest: (content ?? canonicalHash(spec.dataset)).slice(0, LONGEST_DIGEST),
      source_type: 'local',
      source: JSON.stringify(options),
      ...(images === undefined ? {} : { profile: JSON.stringify({ num_rows: images }) }),
    },
  };
}

/** The resolved spec; of a sweep what its cells share, and `sweep`. */
export async function readSpec(
  run: Run,
): Promise<(Partial<ResolvedSpec> & Readonly<Record<string, unknown>>) | undefined> {
  const text = await readFile(run.files.resolved, 'utf8').catch(() => undefined);
  const spec: unknown = text === undefined ? undefined : parse(text);
  const isSpec = typeof spec === 'object' && spec !== null && ('dataset' in spec || 'sweep' in spec);
  return isSpec ? (spec as Awaited<ReturnType<typeof readSpec>>) : undefined;
}

async function datasetContent(run: Run): Promise<string | undefined> {
  try {
    for await (const { entry } of scanJournal(run.files.journal)) {
      if (entry.type !== 'artifact') continue;
      const text = await readFile(join(entry.path, 'key.json'), 'utf8').catch(() => undefined);
      const content = text && (JSON.parse(text) as { dataset?: { content?: string } }).dataset?.content;
      if (content) return content;
    }
  } catch {
    // Damage of the journal is told by who sends it.
  }
  return undefined;
}

async function numberOfImages(run: Run): Promise<number | undefined> {
  const text = await readFile(run.files.metrics, 'utf8').catch(() => '{}');
  return (JSON.parse(text) as { images?: number }).images;
}
