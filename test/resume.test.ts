import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  attackedBatches,
  expectError,
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

  test('after kill -9 in the middle of an attack: the same final numbers as undisturbed', async () => {
    const args = ['run', SMOKE, ...SMALL, '--json'];
    const undisturbed = await shield(args, { runs: reference });
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

  test('a run at work in another process is left to it', async () => {
    const { child, outcome } = start(['run', SMOKE, ...SMALL, 'seed=77'], { runs });
    const before = attackedBatches(runs).length;
    await until(() => attackedBatches(runs).length > before);
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
  const run = () => shield(['run', SMOKE, ...SMALL, '--perform', 'attack'], { runs });
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
    const outcome = await shield(['run', SMOKE, ...SMALL], { runs });
    expectError(outcome, 1, 'ARTIFACT_CORRUPT');
    expect(outcome.stderr).toContain('remove that folder');
    writeFileSync(file!, sound);
  });
});
