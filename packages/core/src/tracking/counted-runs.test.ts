import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withRun } from './lifecycle.js';
import type { CollectedProvenance } from './provenance.js';
import { createRun } from './run-directory.js';
import { listRuns, statusOf, type Run } from './runs-folder.js';

const runs = mkdtempSync(join(tmpdir(), 'shield-counted-'));
afterAll(() => rmSync(runs, { recursive: true, force: true }));

const texts = { specText: 'name: test\n', resolvedText: 'name: test\n', hash: 'h', commandLine: [] };
const provenance = { record: { format: 1 }, files: {} } as unknown as CollectedProvenance;
const finished = async (sweep: Run, cell: number): Promise<Run> => {
  const run = await createRun(runs, { name: 'cell', ...texts, provenance, cellOf: { sweep: sweep.id, cell } });
  await withRun(run, () => Promise.resolve(), { handleSignals: false, captureConsole: false });
  return run;
};
let sweep: Run;
let twice: readonly Run[];
let once: Run;
beforeAll(async () => {
  sweep = await createRun(runs, { name: 'sweep', ...texts, provenance, kind: 'sweep' });
  twice = [await finished(sweep, 1), await finished(sweep, 1)];
  once = await finished(sweep, 2);
});
const statesOf = async (list: readonly Run[]) =>
  Promise.all(list.map(async (run) => [(await statusOf(run)).state, (await listed()).get(run.id)]));
const listed = async () => new Map((await listRuns(runs)).map(({ id, state }) => [id, state]));

it('counts both as long as the sweep has no word on the cell', async () => {
  expect(await statesOf(twice)).toEqual([
    ['COMPLETED', 'COMPLETED'],
    ['COMPLETED', 'COMPLETED'],
  ]);
});

it('then the one that its last word names, though another was finished last', async () => {
  const line = (cell: number, run: Run) =>
    `\n${JSON.stringify({ cell, key: `k${cell}`, state: 'COMPLETED', run: run.id })}`;
  writeFileSync(
    join(sweep.path, 'cells.jsonl'),
    `${line(1, twice[1]!)}${line(2, once)}${line(1, twice[0]!)}\n{"cell":1,"st`,
  );
  expect(await statesOf([...twice, once])).toEqual([
    ['COMPLETED', 'COMPLETED'],
    ['SUPERSEDED', 'SUPERSEDED'],
    ['COMPLETED', 'COMPLETED'],
  ]);
  expect(await statusOf(twice[1]!)).toMatchObject({ supersededBy: twice[0]!.id });
});
