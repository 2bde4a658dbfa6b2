import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectError, readJson, readLines, root, runsIn, shield, start, temporaryFolder, until } from './shield.js';

const folder = temporaryFolder();
const spec = join(folder, 'watched.yaml');
writeFileSync(
  spec,
  `name: watched
backend: cpu
batch: 4
model: { use: small_cnn }
dataset: { use: drawn, limit: 4 }
attacks: { fgsm: { use: fgsm, eps: 16 } }
defenses: { jpeg: { use: jpeg } }
execution: { strip: 0 }
sweep: { grid: { defenses.jpeg.quality: [20, 40, 60, 80] }, metric: defended/fgsm/jpeg/top1 }
`,
);

const recordOf = (path: string) => readJson<{ id: string; kind?: string; sweep?: string }>(join(path, 'run.json'));
const sweepIn = (runs: string) => runsIn(runs).find((path) => recordOf(path).kind === 'sweep')!;
const statesOf = (path: string) =>
  readLines<{ type: string; state?: string }>(join(path, 'journal.jsonl')).flatMap(({ type, state }) =>
    type === 'state' ? [state!] : [],
  );
/** The process that carries a run out, once there is one. */
const holderOf = (path: string) => {
  const lock = join(path, 'lock.json');
  return existsSync(lock) ? readJson<{ pid: number }>(lock).pid : undefined;
};

describe('a sweep that is detached', () => {
  test('goes on when its terminal ends, and SIGHUP means nothing to it; shield watch follows it to its end', async () => {
    const runs = temporaryFolder();
    // A real terminal: the hangup comes from the kernel when script, which holds it, is killed.
    const shell = `node ${join(root, 'bin', 'shield.js')} sweep --detach ${spec} && sleep 600`;
    const terminal = spawn('script', ['-qec', shell, '/dev/null'], {
      env: { ...process.env, SHIELD_RUNS: runs },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let printed = '';
    terminal.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    await until(() => printed.includes('shield watch '));
    expect(printed).toMatch(/watched-\w+: 4 cells, process \d+/);
    const sweep = sweepIn(runs);
    const gone = new Promise((resolve) => terminal.on('close', resolve));
    terminal.kill('SIGKILL');
    await gone;
    await until(() => holderOf(sweep) !== undefined);
    process.kill(holderOf(sweep)!, 'SIGHUP');
    const { code, stdout, stderr } = await shield(['watch'], { runs });
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/4 +80 +COMPLETED/);
    expect(stdout).toMatch(/^best \S+: 0\.\d{4}, cell \d: /m);
    expect(statesOf(sweep)).toEqual(['QUEUED', 'RUNNING', 'COMPLETED']);
    // Lines without control characters, where nobody draws.
    expect(stdout).not.toContain('\u001b');
    expect(readFileSync(join(sweep, 'console.log'), 'utf8')).toContain('cell 4 done, 4/4');
    expect((await shield(['watch', '--once', recordOf(sweep).id], { runs })).stdout).toMatch(/watched .*4\/4/);
  });

  test('that was killed is DEAD; shield resume goes on with the cells that are left, as one sweep', async () => {
    const runs = temporaryFolder();
    const local = ['--executor', 'local', 'execution.workers=1'];
    const { code, stdout, stderr } = await shield(['sweep', '-d', spec, '--json', ...local], { runs });
    expect(code, stderr).toBe(0);
    const { sweep: id, path } = JSON.parse(stdout) as { sweep: string; path: string };
    const results = join(path, 'cells.jsonl');
    await until(() => existsSync(results));
    process.kill(holderOf(path)!, 'SIGKILL');
    const done = readFileSync(results, 'utf8').trim().split('\n').length;
    expect(done).toBeLessThan(4);
    const watched = await shield(['watch', id], { runs });
    expect(watched.code).toBe(1);
    expect(watched.stdout).toContain('DEAD');
    expect(watched.stdout).toContain('MISSING');
    // By the executor that it was begun with.
    expect(readJson(join(path, 'sweep.json'))).toMatchObject({ executor: 'local' });
    const resumed = await shield(['resume', id], { runs });
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toContain('1 workers, each with');
    // Or by another one; nothing is left to do.
    const again = await shield(['resume', id, '--json', '--executor', 'inline'], { runs });
    expect(again.code, again.stderr).toBe(0);
    const { sweep, cells } = JSON.parse(again.stdout) as { sweep: string; cells: { state: string; run: string }[] };
    expect(sweep).toBe(id);
    expect(cells.map(({ state }) => state)).toEqual(Array(4).fill('COMPLETED'));
    expect(statesOf(path)).toEqual(['QUEUED', 'RUNNING', 'RUNNING', 'COMPLETED']);
    // Those that were done were not run again.
    const runsOf = runsIn(runs).filter((each) => recordOf(each).sweep === id);
    expect(runsOf.length).toBeLessThanOrEqual(5);
    expect(readdirSync(path)).toEqual(
      expect.arrayContaining(['cells.csv', 'cells.parquet', 'accuracy.csv', 'accuracy-by-attack.svg']),
    );
  });

  test('does not begin beside one of the same cells, nor with a cell that is wrong', async () => {
    const runs = temporaryFolder();
    const { child } = start(['sweep', spec], { runs });
    const running = () => runsIn(runs).some((path) => recordOf(path).kind === 'sweep' && holderOf(path) !== undefined);
    await until(running);
    expectError(await shield(['sweep', '--detach', spec], { runs }), 1, 'RUN_LOCKED');
    child.kill('SIGKILL');
    const wrong = await shield(['sweep', '--detach', spec, '-m', 'attacks.fgsm.eps=1,-1'], { runs });
    expectError(wrong, 2, 'SWEEP_CELLS_INVALID');
  });

  test('is followed by other programs, and typed with short options', async () => {
    const runs = temporaryFolder();
    const two = ['seed=1,2', 'defenses.jpeg.quality=40'];
    const { code, stdout, stderr } = await shield(['sweep', '-dm', spec, '--json', ...two], { runs });
    expect(code, stderr).toBe(0);
    const { sweep: id, path, console: log } = JSON.parse(stdout) as Record<string, string>;
    const followed = await shield(['watch', id!, '--json'], { runs });
    expect(followed.code, followed.stderr).toBe(0);
    // To the byte what the sweep itself would have printed; it was one process that carried it out, with lines for people.
    expect(followed.stdout).toBe((await shield(['sweep', '-m', spec, '--json', ...two], { runs })).stdout);
    expect((JSON.parse(followed.stdout) as { cells: { state: string }[] }).cells.map(({ state }) => state)).toEqual(
      Array(2).fill('COMPLETED'),
    );
    expect(statesOf(path!)).toEqual(['QUEUED', 'RUNNING', 'COMPLETED']);
    expect(readFileSync(log!, 'utf8')).toContain('cell 2 done, 2/2');
  });

  test('whose spec was moved goes on from its record, by another executor too', async () => {
    const runs = temporaryFolder();
    const moving = join(folder, 'moving');
    mkdirSync(moving);
    const there = join(moving, 'spec.yaml');
    // Whole plugins are swept: the cells have little in common.
    const grid = 'sweep: { grid: { attack: [{ use: fgsm, eps: 4 }, { use: pgd, eps: 8, steps: 2 }] } }';
    writeFileSync(
      there,
      readFileSync(spec, 'utf8')
        .replace(/sweep: .*/, grid)
        .replace(/attacks: .*/, 'attack: { use: fgsm }'),
    );
    const sweep = start(['sweep', there, '--executor', 'local', 'execution.workers=1', 'seed=3'], { runs });
    const begun = () => runsIn(runs).some((path) => recordOf(path).kind === 'sweep' && holderOf(path) !== undefined);
    await until(() => begun() || sweep.child.exitCode !== null);
    sweep.child.kill('SIGKILL');
    await sweep.outcome;
    renameSync(there, join(moving, 'moved.yaml'));
    const path = sweepIn(runs);
    const { code, stdout, stderr } = await shield(['resume', recordOf(path).id, '--json', '--executor', 'inline'], {
      runs,
    });
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('goes on from what is on record');
    const { cells } = JSON.parse(stdout) as { cells: { state: string; run: string }[] };
    expect(cells.map(({ state }) => state)).toEqual(['COMPLETED', 'COMPLETED']);
    const resolved = cells.map(({ run }) => readFileSync(join(runs, run, 'resolved.yaml'), 'utf8'));
    expect(resolved[0]).toMatch(/use: fgsm[^]*seed: 3|seed: 3[^]*use: fgsm/);
    expect(resolved[1]).toMatch(/use: pgd/);
    // The same cells as the spec has where it is now.
    renameSync(join(moving, 'moved.yaml'), there);
    const again = await shield(['sweep', there, '--json', 'seed=3'], { runs });
    expect((JSON.parse(again.stdout) as { sweep: string }).sweep).toBe(recordOf(path).id);
    // Of a sweep that was recorded without them, nobody knows what the cells were.
    const record = join(path, 'sweep.json');
    const { common: _, ...older } = readJson<Record<string, unknown>>(record);
    writeFileSync(record, JSON.stringify(older));
    renameSync(there, join(moving, 'moved.yaml'));
    expectError(await shield(['resume', recordOf(path).id], { runs }), 2, 'SPEC_NOT_FOUND');
  });

  test('is not there to be watched: the error says so', async () => {
    expectError(await shield(['watch'], { runs: temporaryFolder() }), 2, 'RUN_NOT_FOUND');
  });
});
