import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import type { ImageResult } from '../pipeline/collect.js';
import type { Prediction } from '../pipeline/rows.js';
import { signTest } from '../pipeline/summary/sign-test.js';
import { flatten, type Scalar } from './flatten.js';
import { readProvenance } from './record-format.js';
import { readPerImage } from './results.js';
import { readMetrics } from './run-query.js';
import type { Run } from './runs-folder.js';

/** One setting, fact or number that two runs do not share; undefined where a run does not have it. */
export interface Difference<T = Scalar> {
  readonly key: string;
  readonly a: T | undefined;
  readonly b: T | undefined;
}

/** What became of the verdicts on one way of the images to the model, from A to B. */
export interface PathFlips {
  /** `clean`, `clean_defended/slq`, `attacked/cw_l2/float`, `defended/cw_l2/slq`, as metrics are named. */
  readonly path: string;
  /** Images that both runs judged by this path. */
  readonly images: number;
  readonly becameWrong: number;
  readonly becameRight: number;
  /** How often chance alone would part them so far, were both as good: see {@link signTest}. 1 where none changed. */
  readonly p: number;
  /** The first of them. */
  readonly examples: readonly Flip[];
}

export interface Flip {
  readonly id: string;
  /** Share of the draws that name the label: 0 or 1 where there is one draw. */
  readonly a: number;
  readonly b: number;
}

export interface RunDiff {
  readonly spec: readonly Difference[];
  readonly provenance: readonly Difference[];
  readonly metrics: readonly Difference<number>[];
  readonly flips: readonly PathFlips[];
  /** Images that only one of the runs has. */
  readonly onlyIn: { readonly a: number; readonly b: number };
}

/** Facts of every run that say nothing of a difference, or say again what a digest says. */
const ALWAYS_OTHER =
  /^(startedAt|commandLine|format|specFiles\..*|uncommitted(\..*)?|code\.plugins\..*\.files(\..*)?)$/;
const EXAMPLES = 5;

/**
 * Compares two recorded runs: settings, how they came to be, numbers, and image by image.
 *
 * @param all whether seconds count too: no two runs share them
 * @throws RECORD_CORRUPT for damaged per-image results; RUN_FORMAT for a provenance.json of another format
 */
export async function diffRuns(a: Run, b: Run, all = false): Promise<RunDiff> {
  const [specs, provenances, images] = await Promise.all([
    Promise.all([a, b].map(readSpec)),
    Promise.all([a, b].map(async (run) => flatten(await readProvenance(run)))),
    diffImages(a, b),
  ]);
  const numbers = [a, b].map((run) =>
    Object.fromEntries(Object.entries(readMetrics(run)).filter(([key]) => all || !/(^|[/_])seconds$/.test(key))),
  );
  return {
    spec: differences(specs[0]!, specs[1]!),
    provenance: differences(provenances[0]!, provenances[1]!).filter(({ key }) => !ALWAYS_OTHER.test(key)),
    metrics: differences(numbers[0]!, numbers[1]!),
    ...images,
  };
}

/** The keys whose values differ, in the order of the first, then those that only the second has. */
export function differences<T>(a: Readonly<Record<string, T>>, b: Readonly<Record<string, T>>): Difference<T>[] {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].filter((key) => !Object.is(a[key], b[key])).map((key) => ({ key, a: a[key], b: b[key] }));
}

/** Share of the draws that name the label, by each path that an image took. */
export function verdicts(image: ImageResult): Record<string, number> {
  const shares: Record<string, number> = {};
  const put = (path: string, draws: readonly Prediction[] | undefined) => {
    if (!draws || draws.length === 0) return;
    shares[path] = draws.filter(({ top }) => top[0] === image.label).length / draws.length;
  };
  if (image.clean) put('clean', [image.clean]);
  for (const [name, draws] of Object.entries(image.cleanDefended ?? {})) put(`clean_defended/${name}`, draws);
  for (const [name, attack] of Object.entries(image.attacks ?? {})) {
    put(`attacked/${name}/float`, [attack.float]);
    put(`attacked/${name}/rounded`, [attack.rounded]);
    for (const [defense, draws] of Object.entries(attack.defended)) put(`defended/${name}/${defense}`, draws);
  }
  return shares;
}

async function diffImages(a: Run, b: Run): Promise<Pick<RunDiff, 'flips' | 'onlyIn'>> {
  const before = new Map<string, Record<string, number>>();
  for await (const image of images(a)) before.set(image.id, verdicts(image));
  const paths = new Map<string, { images: number; becameWrong: number; becameRight: number; examples: Flip[] }>();
  let onlyInB = 0;
  for await (const image of images(b)) {
    const was = before.get(image.id);
    if (!was) {
      onlyInB++;
      continue;
    }
    before.delete(image.id);
    for (const [path, share] of Object.entries(verdicts(image))) {
      const earlier = was[path];
      if (earlier === undefined) continue;
      let entry = paths.get(path);
      if (!entry) paths.set(path, (entry = { images: 0, becameWrong: 0, becameRight: 0, examples: [] }));
      entry.images++;
      if (share === earlier) continue;
      if (share < earlier) entry.becameWrong++;
      else entry.becameRight++;
      if (entry.examples.length < EXAMPLES) entry.examples.push({ id: image.id, a: earlier, b: share });
    }
  }
  return {
    flips: [...paths].map(([path, entry]) => ({ path, ...entry, p: signTest(entry.becameWrong, entry.becameRight) })),
    onlyIn: { a: before.size, b: onlyInB },
  };
}

async function* images(run: Run): AsyncGenerator<ImageResult> {
  if (existsSync(run.files.perImage)) yield* readPerImage(run) as AsyncGenerator<ImageResult>;
}

async function readSpec(run: Run): Promise<Record<string, Scalar>> {
  const text = await readFile(run.files.resolved, 'utf8').catch(() => '');
  return flatten(parse(text));
}
