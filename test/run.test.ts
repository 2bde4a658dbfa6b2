import { existsSync, mkdtempSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { readJson, readLines, runsIn, root, shield, start, temporaryFolder } from './shield.js';

const SMOKE = join(root, 'configs', 'smoke.yaml');

interface Result {
  readonly run: string;
  readonly path: string;
  readonly metrics: Record<string, number>;
}

describe('shield run configs/smoke.yaml', () => {
  const runs = temporaryFolder();

  test('attacks, defends, evaluates, and leaves a run that explains itself', async () => {
    const { code, stdout, stderr } = await shield(['run', SMOKE], { runs });
    expect(stderr).not.toMatch(/at .*\.js:\d+/);
    expect(code, stderr).toBe(0);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(stdout).toContain('rounded to 8 bits');
    const [run] = runsIn(runs);
    expect(readdirSync(run!).sort()).toEqual(
      expect.arrayContaining(['spec.yaml', 'resolved.yaml', 'provenance.json', 'run.json', 'journal.jsonl', 'per-image.jsonl', 'metrics.json', 'console.log']),
    );
    expect(readFileSync(join(run!, 'spec.yaml'), 'utf8')).toBe(readFileSync(SMOKE, 'utf8'));
    const metrics = readJson<Record<string, number>>(join(run!, 'metrics.json'));
    expect(metrics['clean/top1']).toBeGreaterThan(0.9);
    expect(metrics['attacked/cw_l2/float/top1']).toBeLessThan(0.05);
    expect(metrics['attacked/fgsm/float/top1']!).toBeLessThan(metrics['clean/top1']!);
    const images = readLines<{ id: string; label: number; attacks: Record<string, { l2: number; linf: number; success: boolean }> }>(join(run!, 'per-image.jsonl'));
    expect(images).toHaveLength(metrics['images']!);
    for (const image of images) {
      const { l2, linf, success } = image.attacks['cw_l2']!;
      if (success) expect(l2).toBeGreaterThan(0);
      expect(linf).toBeLessThanOrEqual(1);
    }
    expect(readFileSync(join(run!, 'journal.jsonl'), 'utf8')).toContain('"COMPLETED"');
    expect(statSync(join(run!, 'strip-cw_l2.png')).size).toBeGreaterThan(1000);
  });

  test('another defense against the same attack: the attack is not computed again', async () => {
    const before = attackedFiles(runs);
    const { code, stderr } = await shield(['run', SMOKE, '+defenses.softer={use: jpeg, quality: 90}'], { runs });
    expect(code, stderr).toBe(0);
    expect(attackedFiles(runs)).toEqual(before);
    const metrics = readJson<Record<string, number>>(join(runsIn(runs).at(-1)!, 'metrics.json'));
    expect(metrics['defended/cw_l2/softer/top1']).toBeGreaterThan(0);
  });

  test('two runs in the same second: two directories, the same numbers', async () => {
    const both = await Promise.all([1, 2].map(() => shield(['run', SMOKE, '--json', 'seed=7'], { runs })));
    const [a, b] = both.map(({ stdout }) => JSON.parse(stdout) as Result);
    expect(a!.run).not.toBe(b!.run);
    expect(withoutTimes(a!.metrics)).toEqual(withoutTimes(b!.metrics));
  });
});

describe('resume', () => {
  const runs = temporaryFolder();
  const reference = temporaryFolder();

  test('after kill -9 in the middle of an attack: the same final numbers as undisturbed', async () => {
    const args = ['run', SMOKE, '--json', 'batch=4'];
    const undisturbed = await shield(args, { runs: reference });
    const { child, outcome } = start(args, { runs });
    await until(() => attackedFiles(runs).length >= 2);
    child.kill('SIGKILL');
    expect((await outcome).signal).toBe('SIGKILL');
    const finished = attackedFiles(runs);
    const resumed = await shield(['resume', 'latest', '--json'], { runs });
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(attackedFiles(runs)).toEqual(expect.arrayContaining(finished));
    expect(withoutTimes((JSON.parse(resumed.stdout) as Result).metrics)).toEqual(
      withoutTimes((JSON.parse(undisturbed.stdout) as Result).metrics),
    );
    const rows = (folder: string) => readLines<{ id: string }>(join(runsIn(folder).at(-1)!, 'per-image.jsonl'));
    expect(rows(runs)).toEqual(rows(reference));
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s: state INTERRUPTED, exit code %i, and resumable', async (signal, code) => {
    const { child, outcome } = start(['run', SMOKE, 'batch=4', `seed=${code}`], { runs });
    const before = attackedFiles(runs).length;
    await until(() => attackedFiles(runs).length > before);
    child.kill(signal);
    const ended = await outcome;
    expect(ended.code, ended.stderr).toBe(code);
    expect(ended.stderr).toContain('shield resume');
    expect(ended.stderr).not.toMatch(/at .*\.js:\d+/);
    const run = runsIn(runs).at(-1)!;
    expect(readFileSync(join(run, 'journal.jsonl'), 'utf8')).toContain('"INTERRUPTED"');
    const resumed = await shield(['resume', 'latest'], { runs });
    expect(resumed.code, resumed.stderr).toBe(0);
  });

  test('a finished run is not resumed', async () => {
    const { code, stderr } = await shield(['resume', 'latest'], { runs });
    expect(code).toBe(1);
    expect(stderr).toContain('RUN_NOT_RESUMABLE');
  });
});

describe('stages', () => {
  const runs = temporaryFolder();

  test('evaluate without attacked images: says what to run first', async () => {
    const { code, stderr } = await shield(['run', SMOKE, '--perform', 'evaluate'], { runs });
    expect(code).toBe(1);
    expect(stderr).toMatch(/ARTIFACT_MISSING[\s\S]*--perform attack/);
  });

  test('attack, defend, evaluate one by one give what one run gives', async () => {
    for (const stage of ['attack', 'defend']) {
      const { code, stderr } = await shield(['run', SMOKE, '--perform', stage], { runs });
      expect(code, stderr).toBe(0);
    }
    expect(readdirSync(join(runs, 'artifacts')).some((name) => name.startsWith('defended-'))).toBe(true);
    const evaluated = JSON.parse((await shield(['run', SMOKE, '--perform', 'evaluate', '--json'], { runs })).stdout) as Result;
    const whole = JSON.parse((await shield(['run', SMOKE, '--json'], { runs: temporaryRuns() })).stdout) as Result;
    expect(withoutTimes(evaluated.metrics)).toEqual(withoutTimes(whole.metrics));
  });

  test('--dry-run prints the plan and runs nothing', async () => {
    const empty = temporaryRuns();
    const { code, stdout } = await shield(['run', SMOKE, '--dry-run'], { runs: empty });
    expect(code).toBe(0);
    expect(stdout).toContain('plan');
    expect(stdout).toContain('max_iterations');
    expect(readdirSync(empty)).toEqual([]);
  });
});

describe('bad input', () => {
  const runs = temporaryFolder();
  const folder = temporaryFolder();
  const spec = (text: string) => {
    const path = join(folder, `${Math.random().toString(36).slice(2)}.yaml`);
    writeFileSync(path, text);
    return path;
  };
  const base = (extra: string) => `name: bad\nbackend: wasm\ndataset: { use: drawn, limit: 8 }\nmodel: { use: small_cnn }\n${extra}`;

  test.each([
    ['unknown key', base('colour: red\n'), 'SPEC_UNKNOWN_KEY', 5],
    ['wrong type', base('batch: many\n'), 'SPEC_INVALID_VALUE', 5],
    ['unknown plugin', base('attack: { use: fgsn }\n'), 'PLUGIN_UNKNOWN', 5],
    ['unknown option', base('attack: { use: fgsm, epz: 3 }\n'), 'SPEC_UNKNOWN_KEY', 5],
    ['YAML that is none', 'name: [unclosed\n', 'SPEC_SYNTAX', undefined],
  ])('%s', async (_, text, errorCode, line) => {
    const path = spec(text);
    const { code, stderr } = await shield(['run', path], { runs });
    expect(code).toBe(2);
    expect(stderr).toContain(errorCode);
    if (line !== undefined) expect(stderr).toMatch(new RegExp(`\\.yaml:${line}:\\d+`));
    expect(stderr).toContain('→');
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(readdirSync(runs)).toEqual([]);
  });

  test('an override of a key that does not exist', async () => {
    const { code, stderr } = await shield(['run', SMOKE, 'sede=1'], { runs });
    expect(code).toBe(2);
    expect(stderr).toMatch(/OVERRIDE_UNKNOWN_KEY.*"seed"/s);
  });

  test('a missing folder fails the run and says so in the journal', async () => {
    const path = spec('name: gone\nbackend: wasm\ndataset: { use: image_folder, path: nowhere }\nmodel: { use: small_cnn }\nattack: { use: fgsm }\n');
    const { code, stderr } = await shield(['run', path], { runs });
    expect(code).toBe(1);
    expect(stderr).toContain('DATASET_MISSING');
    expect(readFileSync(join(runsIn(runs).at(-1)!, 'journal.jsonl'), 'utf8')).toContain('"FAILED"');
  });

  test('a folder for runs that cannot be written', async () => {
    const { code, stderr } = await shield(['run', SMOKE], { runs: join('/proc', 'shield-runs') });
    expect(code).toBe(1);
    expect(stderr).toContain('WRITE_FAILED');
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

function attackedFiles(runs: string): string[] {
  const artifacts = join(runs, 'artifacts');
  if (!existsSync(artifacts)) return [];
  return readdirSync(artifacts)
    .filter((name) => name.startsWith('attacked-') && !name.endsWith('.lock'))
    .flatMap((name) =>
      readdirSync(join(artifacts, name))
        .filter((file) => /^batch-.*\.json$/.test(file))
        .map((file) => `${name}/${file} ${statSync(join(artifacts, name, file)).mtimeMs}`),
    )
    .sort();
}

function withoutTimes(metrics: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).filter(([key]) => !key.endsWith('seconds')));
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1200; i++) {
    if (condition()) return;
    await sleep(25);
  }
  throw new Error('waited in vain');
}

const runsRoot = temporaryFolder();

function temporaryRuns(): string {
  return mkdtempSync(join(runsRoot, 'runs-'));
}
