import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readJson, runsIn, shield, withoutTimes } from './shield.js';

/** Writes the spec of a sweep whose cells take a moment each. @returns its path */
export function lightSweep(folder: string, name: string, cells: number): string {
  const path = join(folder, `${name}.yaml`);
  writeFileSync(
    path,
    `name: ${name}
backend: cpu
batch: 2
model: { use: small_cnn }
dataset: { use: drawn, limit: 4 }
attacks: { fgsm: { use: fgsm, eps: 16 } }
execution: { threads: 1, strip: 0 }
sweep: { repeats: ${cells}, retries: 9, backoff: 0.2 }
`,
  );
  return path;
}

/** What `shield sweep --json` prints. */
export interface Swept {
  readonly sweep: string;
  readonly path: string;
  readonly cells: readonly SweptCell[];
}

export interface SweptCell {
  readonly cell: number;
  readonly state: string;
  readonly run: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly error?: string;
  readonly attempts?: number;
  readonly batch?: number;
}

/** The runs that say that they are cells of a sweep, by the cell's number. */
export function cellRuns(runs: string): Map<number, string[]> {
  const found = new Map<number, string[]>();
  for (const path of runsIn(runs)) {
    const { id, cell } = readJson<{ id: string; cell?: number }>(join(path, 'run.json'));
    if (cell !== undefined) found.set(cell, [...(found.get(cell) ?? []), id]);
  }
  return found;
}

/** The directory of the sweep in a folder of runs, once there is one. */
export function sweepPath(runs: string): string | undefined {
  return runsIn(runs).find((path) => {
    try {
      return readJson<{ kind?: string }>(join(path, 'run.json')).kind === 'sweep';
    } catch {
      return false;
    }
  });
}

/** The same cells carried out one after the other in one process. */
export async function sweptInline(spec: string, runs: string): Promise<Swept> {
  const { code, stdout, stderr } = await shield(['sweep', spec, '--json', '--executor', 'inline'], { runs });
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Swept;
}

/** Nothing lost, nothing doubled, and the results are those of one process. */
export function expectSame(swept: Swept, expected: Swept, runs: string): void {
  const ended = ({ cells }: Swept) => cells.map(({ cell, state, error }) => [cell, state, error]);
  expect(ended(swept)).toEqual(ended(expected));
  for (const [i, { metrics }] of swept.cells.entries())
    expect(withoutTimes(metrics)).toEqual(withoutTimes(expected.cells[i]!.metrics));
  expect(new Set(swept.cells.map(({ run }) => run)).size).toBe(expected.cells.length);
  const there = cellRuns(runs);
  for (const { cell, run } of swept.cells) expect(there.get(cell)).toContain(run);
}
