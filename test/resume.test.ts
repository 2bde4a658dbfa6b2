import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '@shield/core';
import { describe, expect, test } from 'vitest';
import { shield as tell } from './resident.js';
import {
  attackedBatches,
  expectError,
  readJson,
  readLines,
  runsIn,
  shield,
  SMALL,
  SMOKE,
  start,
  temporaryFolder,
  until,
  withoutTimes,
  type JsonResult,
} from './shield.js';

describe('stopped and resumed', () => {
  const runs = temporaryFolder();
  const reference = temporaryFolder();
  /** Milliseconds of an undisturbed run, from its process's start to its end. */
  let takes = 0;

  test('after kill -9 in the middle of an attack: the same final numbers as undisturbed', async () => {
    const args = ['run', SMOKE, ...SMALL, '--json'];
    const started = performance.now();
    const undisturbed = await shield(args, { runs: reference });
    takes = performance.now() - started;
    const { child, outcome } = start(args, { runs });
    await until(() => attackedBatches(runs).length >= 1);
    child.kill('SIGKILL');
    expect((await outcome).signal).toBe('SIGKILL');
    const finished = attackedBatches(runs);
    const resumed = await shield(['resume', 'latest', '--json'], { runs });
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(attackedBatches(runs)).toEqual(expect.arrayContaining(finished));
    expect(withoutTimes((JSON.parse(resumed.stdout) as JsonResult).metrics)).toEqual(
      withoutTimes((JSON.parse(undisturbed.stdout) as JsonResult).metrics),
    );
    const rows = (folder: string) => readLines<{ id: string }>(join(runsIn(folder).at(-1)!, 'per-image.jsonl'));
    expect(rows(runs)).toEqual(rows(reference));
  });

  const kills = process.env['SHIELD_TEST_FULL'] ? 50 : 5;
  test(
    `kill -9 at ${kills} random points: nothing lost, nothing doubled`,
    async () => {
      const expected = runsIn(reference).at(-1)!;
      const random = new Random('kill -9', kills);
      const rowsOf = (run: string) => readFileSync(join(run, 'per-image.jsonl'), 'utf8');
      const numbers = (run: string) => withoutTimes(readJson(join(run, 'metrics.json')));
      const asUndisturbed = (run: string) => {
        expect(rowsOf(run)).toBe(rowsOf(expected));
        expect(numbers(run)).toEqual(numbers(expected));
        const entries = readLines<{ seq: number; type: string; state?: string }>(join(run, 'journal.jsonl'));
        expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, i) => i));
        expect(entries.filter(({ state }) => state === 'COMPLETED')).toHaveLength(1);
      };
      let folder = temporaryFolder();
      let killed = 0;
      while (killed < kills) {
        const begun = runsIn(folder).length > 0;
        const { child, outcome } = start(begun ? ['resume', 'latest'] : ['run', SMOKE, ...SMALL], { runs: folder });
        let ended = false;
        void outcome.then(() => (ended = true));
        // From before there is a run to its last batch; now and then it ends before.
        await sleep(50 + takes * random.uniform());
        if (!ended) killed++;
        child.kill('SIGKILL');
        const { code, stderr } = await outcome;
        const runs = runsIn(folder);
        expect(runs.length).toBeLessThanOrEqual(1);
        // Whatever it left can be read, up to its last whole line.
        if (runs.length === 1) expect((await tell(['show', 'latest', '--json'], { runs: folder })).code).toBe(0);
        // Killed between its last word and the end of its process, it is finished all the same.
        const whole =
          runs.length === 1 && readFileSync(join(runs[0]!, 'journal.jsonl'), 'utf8').includes('"COMPLETED"');
        if (code !== null) expect(code, stderr).toBe(0);
        expect(whole || code === null).toBe(true);
        if (!whole) continue;
        asUndisturbed(runs[0]!);
        folder = temporaryFolder();
      }
      if (runsIn(folder).length === 0) return;
      const { code, stderr } = await shield(['resume', 'latest'], { runs: folder });
      expect(code, stderr).toBe(0);
      asUndisturbed(runsIn(folder)[0]!);
    },
    kills * 48_000,
  );

  test('a time limit: TIMEOUT, to be resumed', async () => {
    const runs = temporaryFolder();
    const outcome = await shield(['run', SMOKE, ...SMALL, 'execution.time_limit=0.5'], { runs });
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toMatch(/stopped after 0\.5 s, its limit; shield resume/);
    expect((await shield(['runs'], { runs })).stdout).toContain('TIMEOUT');
    const journal = readLines<{ state?: string }>(join(runsIn(runs)[0]!, 'journal.jsonl'));
    expect(journal.at(-1)!.state).toBe('TIMEOUT');
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s: state INTERRUPTED, exit code %i, and resumable', async (signal, code) => {
    const { child, outcome } = start(['run', SMOKE, ...SMALL, `seed=${code}`], { runs });
    const before = attackedBatches(runs).length;
    await until(() => attackedBatches(runs).length > before);
    child.kill(signal);
    const ended = await outcome;
    expect(ended.code, ended.stderr).toBe(code);
    expect(ended.stderr).toContain('shield resume');
    expect(ended.stderr).not.toMatch(/\n\s+at /);
    const run = runsIn(runs).at(-1)!;
    expect(readFileSync(join(run, 'journal.jsonl'), 'utf8')).toContain('"INTERRUPTED"');
    const resumed = await shield(['resume', 'latest'], { runs });
    expect(resumed.code, resumed.stderr).toBe(0);
  });

  test('a finished run is not resumed', async () => {
    expectError(await shield(['resume', 'latest'], { runs }), 1, 'RUN_NOT_RESUMABLE');
  });

  test('a run that is not there: the latest are named', async () => {
    const outcome = await shield(['resume', 'nothing'], { runs });
    expectError(outcome, 2, 'RUN_NOT_FOUND');
    expect(outcome.stderr).toContain(basename(runsIn(runs).at(-1)!));
  });

  test('of two processes that resume a run, one is refused, and the other goes on', async () => {
    const begun = start(['run', SMOKE, ...SMALL, 'seed=77'], { runs });
    const before = attackedBatches(runs).length;
    await until(() => attackedBatches(runs).length > before);
    begun.child.kill('SIGKILL');
    await begun.outcome;
    const journal = join(runsIn(runs).at(-1)!, 'journal.jsonl');
    const { child, outcome } = start(['resume', 'latest'], { runs });
    await until(() => readFileSync(journal, 'utf8').split('"RUNNING"').length === 3 || child.exitCode !== null);
    child.kill('SIGSTOP');
    const second = await shield(['resume', 'latest'], { runs });
    child.kill('SIGCONT');
    expectError(second, 1, 'RUN_LOCKED');
    expect(second.stderr).toContain(String(child.pid));
    expect((await outcome).code).toBe(0);
  });
});

describe('an artifact tampered with', () => {
  const runs = temporaryFolder();
  const run = () => tell(['run', SMOKE, ...SMALL, '--perform', 'attack'], { runs });
  const files = (ending: string) =>
    readdirSync(join(runs, 'artifacts'))
      .filter((name) => name.startsWith('attacked-'))
      .flatMap((name) => readdirSync(join(runs, 'artifacts', name)).map((file) => join(runs, 'artifacts', name, file)))
      .filter((file) => file.includes('batch-') && file.endsWith(ending));

  test.each(['.json', '.tfrecord'])('one byte of a %s is another: told, not used', async (ending) => {
    const first = await run();
    expect(first.code, first.stderr).toBe(0);
    const [file] = files(ending);
    const sound = readFileSync(file!);
    const bytes = Buffer.from(sound);
    bytes[Math.floor(bytes.length / 2)]! ^= 1;
    writeFileSync(file!, bytes);
    const outcome = await tell(['run', SMOKE, ...SMALL], { runs });
    expectError(outcome, 1, 'ARTIFACT_CORRUPT');
    expect(outcome.stderr).toContain('remove that folder');
    writeFileSync(file!, sound);
  });
});
