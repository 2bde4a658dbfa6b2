import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { expectError, readJson, readLines, runsIn, shield, SMOKE, temporaryFolder } from './shield.js';

const folder = temporaryFolder();
const runs = temporaryFolder();
const SMALL = ['dataset.limit=4', 'batch=4', 'execution.strip=0', 'backend=cpu'];

const recordOf = (path: string) =>
  readJson<{ id: string; kind?: string; sweep?: string; cell?: number }>(join(path, 'run.json'));

/** The runs, without those that stand for sweeps. */
const cellRuns = () => runsIn(runs).filter((path) => recordOf(path).kind !== 'sweep');

const stateOf = (path: string) =>
  readLines<{ type: string; state?: string }>(join(path, 'journal.jsonl')).findLast(({ type }) => type === 'state')
    ?.state;

interface Swept {
  readonly sweep: string;
  readonly path: string;
  readonly best?: { readonly cell: number; readonly value: number };
  readonly cells: readonly {
    params: Record<string, unknown>;
    state: string;
    run?: string;
    metrics?: Record<string, number>;
  }[];
}

/** A small spec with a sweep. */
function spec(name: string, sweep: string): string {
  const path = join(folder, `${name}.yaml`);
  const small = 'model: { use: small_cnn }\ndataset: { use: drawn }\nattacks: { fgsm: { use: fgsm, eps: 16 } }\n';
  writeFileSync(path, `${small}${sweep}`);
  return path;
}

const sweep = (...args: string[]) => shield(['sweep', ...args, ...SMALL], { runs });

describe('shield sweep', () => {
  const grid = `sweep:
  grid:
    attacks.fgsm.eps: [8, 16]
    defenses.jpeg.quality: { range: [20, 100, 40] }
  exclude: ['attacks.fgsm.eps=16 and defenses.jpeg.quality=60']
  metric: defended/fgsm/jpeg/top1
`;
  const path = spec('grid', grid);

  test('--dry-run lists the cells, and runs none', async () => {
    const { code, stdout, stderr } = await sweep(path, '--dry-run', '--json', '++defenses.jpeg={use: jpeg}');
    expect(code, stderr).toBe(0);
    const { keys, cells } = JSON.parse(stdout) as { keys: string[]; cells: { params: Record<string, unknown> }[] };
    expect(keys).toEqual(['attacks.fgsm.eps', 'defenses.jpeg.quality']);
    expect(cells.map(({ params }) => Object.values(params))).toEqual([
      [8, 20],
      [8, 60],
      [16, 20],
    ]);
    expect(cellRuns()).toEqual([]);
  });

  test('runs each cell once, into one table; the best cell is that of the metric; again: nothing is run', async () => {
    const args = [path, '--json', '++defenses.jpeg={use: jpeg}'];
    const first = await sweep(...args);
    expect(first.code, first.stderr).toBe(0);
    const { sweep: id, path: folder, best, cells } = JSON.parse(first.stdout) as Swept;
    expect(cells.map(({ state }) => state)).toEqual(['COMPLETED', 'COMPLETED', 'COMPLETED']);
    const values = cells.map(({ metrics }) => metrics!['defended/fgsm/jpeg/top1']!);
    expect(best!.value).toBe(Math.max(...values));
    const [head, ...rows] = readFileSync(join(folder, 'cells.csv'), 'utf8').trim().split('\n');
    expect(head).toMatch(/^cell,state,run,seconds,error,attacks\.fgsm\.eps,defenses\.jpeg\.quality,/);
    expect(rows.map((row) => row.split(',').slice(5, 7).join(' '))).toEqual(['8 20', '8 60', '16 20']);
    // The sweep is a run, its cells are runs of it, and refer to what it captured.
    expect(recordOf(folder)).toMatchObject({ id, kind: 'sweep' });
    // Its spec is what the cells have in common, and every point.
    const common = parse(readFileSync(join(folder, 'resolved.yaml'), 'utf8')) as Record<string, unknown>;
    expect(common).toMatchObject({ attacks: { fgsm: { use: 'fgsm' } }, dataset: { limit: 4 } });
    expect(common).not.toHaveProperty('attacks.fgsm.eps');
    expect(common).toHaveProperty(
      'sweep.points',
      cells.map(({ params }) => params),
    );
    const nested = cellRuns().map(recordOf);
    expect(nested.map(({ sweep, cell }) => [sweep, cell])).toEqual([1, 2, 3].map((cell) => [id, cell]));
    for (const run of cellRuns()) {
      expect(readJson(join(run, 'provenance.json'))).toMatchObject({ sweep: id });
      expect(existsSync(join(run, 'dirty.diff'))).toBe(false);
    }
    expect(stateOf(folder)).toBe('COMPLETED');
    expect(existsSync(join(folder, 'accuracy-by-attack.png'))).toBe(true);
    expect(cellRuns()).toHaveLength(3);
    // Two cells have one attack: the second took it from the first.
    const alone = await shield(
      ['run', spec('alone', ''), '--json', ...SMALL, 'attacks.fgsm.eps=8', '++defenses.jpeg={use: jpeg, quality: 20}'],
      { runs },
    );
    const { metrics } = JSON.parse(alone.stdout) as { metrics: Record<string, number> };
    for (const [key, value] of Object.entries(cells[0]!.metrics!))
      if (!key.endsWith('seconds')) expect(metrics[key]).toBe(value);
    const again = await sweep(path, '++defenses.jpeg={use: jpeg}');
    expect(again.stderr).toContain('all of its cells are done: nothing is run');
    // Runs by their ends, so that a row fits a terminal.
    expect(again.stdout).toContain(cells[0]!.run!.slice(-6));
    expect(again.stdout).toMatch(/^best defended\/fgsm\/jpeg\/top1: \d\.\d{4}, cell \d: attacks\.fgsm\.eps=/m);
    const table = again.stdout.split('\n').filter((line) => line.includes('COMPLETED'));
    expect(Math.max(...table.map(({ length }) => length))).toBeLessThanOrEqual(80);
    expect(cellRuns()).toHaveLength(4);
  });

  test('is one among the runs: listed with its cells, shown, exported with them, and no run to reproduce', async () => {
    const folder = runsIn(runs).find((each) => recordOf(each).kind === 'sweep')!;
    const { id } = recordOf(folder);
    const listed = await shield(['runs'], { runs });
    expect(listed.stdout).toMatch(new RegExp(`${id} .*sweep of 3 cells\\n`));
    expect(listed.stdout).not.toContain('cell 1');
    const [, first, ...rest] = (await shield(['runs', '--cells'], { runs })).stdout.trim().split('\n');
    expect(first).toContain(id);
    expect(rest.slice(0, 3).map((line) => line.slice(-6))).toEqual(['cell 1', 'cell 2', 'cell 3']);
    // As it stands after its first cell: of how many is told, not how many have begun.
    const early = temporaryFolder();
    for (const each of [folder, cellRuns()[0]!]) cpSync(each, join(early, basename(each)), { recursive: true });
    expect((await shield(['runs'], { runs: early })).stdout).toMatch(/ 1 of 3 cells\n/);
    const found = await shield(['runs', '-f', `sweep=${id}`, 'cell>=2', '--json'], { runs });
    expect((JSON.parse(found.stdout) as { cell: number }[]).map(({ cell }) => cell)).toEqual([2, 3]);
    const told = await shield(['show', id], { runs });
    expect(told.stdout).toMatch(/3 +16 +20 +COMPLETED/);
    const cell = cellRuns()[0]!;
    expect((await shield(['show', recordOf(cell).id], { runs })).stdout).toContain(`sweep    ${id}, cell 1`);
    const archive = join(temporaryFolder(), 'sweep.tar.gz');
    expect((await shield(['export', id, '-o', archive], { runs })).code).toBe(0);
    const names = execFileSync('tar', ['tzf', archive], { encoding: 'utf8' }).split('\n');
    for (const each of [folder, ...cellRuns().slice(0, 3)]) expect(names).toContain(`${basename(each)}/run.json`);
    expectError(await shield(['reproduce', id], { runs }), 1, 'RUN_NOT_RESUMABLE');
    // The runs tell what the same would take.
    const planned = await sweep(path, '--dry-run', '--json', '++defenses.jpeg={use: jpeg}');
    const { seconds, timed } = JSON.parse(planned.stdout) as { seconds: number; timed: number };
    expect(seconds).toBeGreaterThan(0);
    expect(timed).toBeGreaterThan(0);
  });

  test('records of another format are no part of it: neither its timings nor a sweep to go on with', async () => {
    const other = join(temporaryFolder(), 'runs');
    cpSync(runs, other, { recursive: true });
    const records = runsIn(other).map((run) => join(run, 'run.json'));
    for (const record of records) writeFileSync(record, JSON.stringify({ ...readJson<object>(record), format: 2 }));
    const args = ['sweep', path, '--json', ...SMALL, '++defenses.jpeg={use: jpeg}'];
    const planned = await shield([...args, '--dry-run'], { runs: other });
    expect((JSON.parse(planned.stdout) as { timed: number }).timed).toBe(0);
    const before = records.map((record) => readFileSync(record, 'utf8'));
    const { code, stdout, stderr } = await shield(args, { runs: other });
    expect(code, stderr).toBe(0);
    expect(records.map((record) => basename(join(record, '..')))).not.toContain((JSON.parse(stdout) as Swept).sweep);
    expect(runsIn(other)).toHaveLength(records.length + 4);
    expect(records.map((record) => readFileSync(record, 'utf8'))).toEqual(before);
  });

  test('-m sweeps what is typed', async () => {
    const { code, stdout, stderr } = await sweep(SMOKE, '-m', 'attacks.fgsm.eps=2,4', 'seed=1,2', '--dry-run');
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('4 cells');
  });

  test('every fault of every cell is told before anything runs', async () => {
    const wrong = await sweep(SMOKE, '-m', 'attacks.fgsm.eps=2,-4,none');
    expectError(wrong, 2, 'SWEEP_CELLS_INVALID');
    expect(wrong.stderr).toContain('2 of the 3 cells');
    expectError(await sweep(SMOKE, '-m', 'attacks.fgsm.epss=2,4'), 2, 'SWEEP_CELLS_INVALID');
    expectError(await sweep(spec('equal', 'sweep: { list: [{ seed: 3 }, { seed: 3 }] }\n')), 2, 'SWEEP_EQUAL_CELLS');
    expectError(await sweep(spec('empty', 'sweep: { grid: { seed: [] } }\n')), 2, 'SWEEP_EMPTY');
    // As Hydra says it: what was meant needs -m.
    const unswept = await sweep(SMOKE, 'attacks.fgsm.eps=2,4');
    expectError(unswept, 2, 'SWEEP_EMPTY');
    expect(unswept.stderr).toMatch(/^note: attacks\.fgsm\.eps=2,4 is one value .* -m sweeps/);
    expect((await shield(['run', SMOKE, 'attacks.fgsm.eps=2,4'], { runs })).stderr).toMatch(/^note: attacks/);
    const many = 'sweep: { grid: { seed: { range: [1, 1000] }, attacks.fgsm.eps: { range: [1, 1000] } } }\n';
    expectError(await sweep(spec('many', many)), 2, 'SWEEP_TOO_LARGE');
  });

  test('a cell that fails does not stop the others; the exit code says so, and how to run it again', async () => {
    const failing = spec('failing', 'sweep: { grid: { dataset.limit: [4, 2], dataset.skip: [0, 1000000] } }\n');
    const args = SMALL.filter((each) => !each.startsWith('dataset.limit'));
    const outcome = await shield(['sweep', failing, ...args], { runs });
    expectError(outcome, 1, 'SWEEP_FAILED');
    expect(outcome.stderr).toContain('--only failed');
    expect(outcome.stdout).toMatch(/FAILED/);
    expect(outcome.stdout).toMatch(/COMPLETED/);
    const parent = runsIn(runs).find((path) => recordOf(path).kind === 'sweep' && path.includes('failing'))!;
    expect(stateOf(parent)).toBe('FAILED');
    const missing = await shield(['sweep', failing, ...args, '--only', 'missing'], { runs });
    expect(missing.stderr).toContain('nothing is run: no cell is missing');
  });

  test('on_failure: stop says how many cells did not run', async () => {
    const stopping = spec('stopping', 'sweep: { grid: { dataset.skip: [1000000, 0] }, on_failure: stop }\n');
    const outcome = await sweep(stopping);
    expectError(outcome, 1, 'SWEEP_FAILED');
    expect(outcome.stderr).toContain('1 of the 2 cells of the sweep failed, 1 did not run');
  });
});
