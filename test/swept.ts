import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readJson, runsIn, shield, withoutTimes } from './shield.js';

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

/** Processes whose command line fits, as the kernel tells. */
export function processesOf(fits: (commandLine: string, environment: string) => boolean): number[] {
  const read = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' ');
    } catch {
      return '';
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && fits(read(name, 'cmdline'), read(name, 'environ')))
    .map(Number);
}
