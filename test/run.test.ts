import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { shield as tell } from './resident.js';
import {
  attackedBatches,
  readJson,
  readLines,
  root,
  runsIn,
  shield,
  SMALL,
  SMOKE,
  temporaryFolder,
  withoutTimes,
  type JsonResult,
} from './shield.js';

let undivided: JsonResult;

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
      expect.arrayContaining([
        'spec.yaml',
        'resolved.yaml',
        'provenance.json',
        'run.json',
        'journal.jsonl',
        'per-image.jsonl',
        'per-class.csv',
        'robustness.csv',
        'metrics.json',
        'results.txt',
        'console.log',
      ]),
    );
    const table = readFileSync(join(run!, 'results.txt'), 'utf8');
    expect(stdout).toContain(table);
    expect((await shield(['show', 'latest'], { runs })).stdout).toContain(table);
    expect(readFileSync(join(run!, 'spec.yaml'), 'utf8')).toBe(readFileSync(SMOKE, 'utf8'));
    const metrics = readJson<Record<string, number>>(join(run!, 'metrics.json'));
    expect(metrics['clean/top1']).toBeGreaterThan(0.9);
    expect(metrics['attacked/cw_l2/float/top1']).toBeLessThan(0.05);
    expect(metrics['attacked/fgsm/float/top1']!).toBeLessThan(metrics['clean/top1']!);
    const images = readLines<{
      id: string;
      label: number;
      attacks: Record<string, { l2: number; linf: number; success: boolean }>;
    }>(join(run!, 'per-image.jsonl'));
    expect(images).toHaveLength(metrics['images']!);
    const classes = readFileSync(join(run!, 'per-class.csv'), 'utf8').trimEnd().split('\n').slice(1);
    const ofPath = (path: string) => classes.map((line) => line.split(',')).filter(([, , each]) => each === path);
    for (const path of ['clean', 'attacked/fgsm/float', 'defended/cw_l2/slq']) {
      const right = ofPath(path).reduce((sum, [, , , n, accuracy]) => sum + Number(n) * Number(accuracy), 0);
      expect(right / images.length, path).toBeCloseTo(metrics[`${path}/top1`]!, 9);
    }
    for (const image of images) {
      const { l2, linf, success } = image.attacks['cw_l2']!;
      if (success) expect(l2).toBeGreaterThan(0);
      expect(linf).toBeLessThanOrEqual(1);
    }
    expect(readFileSync(join(run!, 'journal.jsonl'), 'utf8')).toContain('"COMPLETED"');
    expect(statSync(join(run!, 'strip-cw_l2.png')).size).toBeGreaterThan(1000);
    expect(readFileSync(join(run!, 'console.log'), 'utf8')).toContain(stdout.trimEnd().split('\n').at(-3)!);
  });

  test('records its code and the files it read by content, and its peak memory', () => {
    const [run] = runsIn(runs);
    const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
    const { code, specFiles } = readJson<{
      code: { core: string; plugins: Record<string, { digest: string; files: Record<string, string> }> };
      specFiles: Record<string, string>;
    }>(join(run!, 'provenance.json'));
    const built = join(root, 'packages', 'defenses', 'dist');
    const { files } = code.plugins['defense:jpeg']!;
    for (const name of ['jpeg.js', 'jpeg-kernel/kernel.wasm']) expect(files[name]).toBe(sha256(join(built, name)));
    expect(Object.keys(code.plugins)).toEqual(
      expect.arrayContaining(['attack:cw_l2', 'model:small_cnn', 'dataset:drawn']),
    );
    const composed = ['smoke.yaml', 'model/small_cnn.yaml', 'dataset/drawn.yaml'].map((name) => join('configs', name));
    expect(specFiles).toEqual(Object.fromEntries(composed.map((name) => [name, sha256(join(root, name))])));
    const journal = readLines<{ type: string; path: string; sha256: string; peak: number }>(
      join(run!, 'journal.jsonl'),
    );
    const read = journal.filter(({ type }) => type === 'resource');
    expect(read.length).toBeGreaterThan(0);
    for (const { path, sha256: recorded } of read) expect(recorded).toBe(sha256(path));
    const peaks = journal.filter(({ type }) => type === 'heartbeat').map(({ peak }) => peak);
    expect(Math.max(...peaks)).toBeGreaterThan(50e6);
  });

  test('another defense against the same attack: the attack is not computed again', async () => {
    const before = attackedBatches(runs);
    const { code, stderr } = await shield(
      ['run', SMOKE, '+defenses.softer={use: jpeg, quality: 90}', '~defenses.slq'],
      { runs },
    );
    expect(code, stderr).toBe(0);
    expect(attackedBatches(runs)).toEqual(before);
    const metrics = readJson<Record<string, number>>(join(runsIn(runs).at(-1)!, 'metrics.json'));
    expect(metrics['defended/cw_l2/softer/top1']).toBeGreaterThan(0);
  });

  test('two runs in the same second: two directories, the same numbers', async () => {
    const both = await Promise.all([1, 2].map(() => shield(['run', SMOKE, ...SMALL, '--json'], { runs })));
    const [a, b] = both.map(({ stdout }) => JSON.parse(stdout) as JsonResult);
    undivided = a!;
    expect(a!.run).not.toBe(b!.run);
    expect(withoutTimes(a!.metrics)).toEqual(withoutTimes(b!.metrics));
  });
});

describe('stages', () => {
  const runs = temporaryFolder();
  const empty = temporaryFolder();

  test('evaluate without attacked images: says what to run first', async () => {
    const { code, stderr } = await tell(['run', SMOKE, '--perform', 'evaluate'], { runs });
    expect(code).toBe(1);
    expect(stderr).toMatch(/ARTIFACT_MISSING[\s\S]*--perform attack/);
  });

  test('attack, defend, evaluate one by one give what one run gives', async () => {
    for (const stage of ['attack', 'defend']) {
      const { code, stderr } = await tell(['run', SMOKE, ...SMALL, '--perform', stage], { runs });
      expect(code, stderr).toBe(0);
    }
    expect(readdirSync(join(runs, 'artifacts')).some((name) => name.startsWith('defended-'))).toBe(true);
    const evaluated = JSON.parse(
      (await tell(['run', SMOKE, ...SMALL, '--perform', 'evaluate', '--json'], { runs })).stdout,
    ) as JsonResult;
    expect(withoutTimes(evaluated.metrics)).toEqual(withoutTimes(undivided.metrics));
  });

  test('--dry-run prints the plan and runs nothing', async () => {
    const { code, stdout } = await tell(['run', SMOKE, '--dry-run'], { runs: empty });
    expect(code).toBe(0);
    expect(stdout).toContain('plan');
    expect(stdout).toContain('max_iterations');
    expect(readdirSync(empty)).toEqual([]);
  });
});
