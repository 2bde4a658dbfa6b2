import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { shield } from './resident.js';
import { attackedBatches, expectError, runsIn, SMOKE, temporaryFolder, type JsonResult } from './shield.js';

const QUICK = ['~attacks.cw_l2', '~defenses.jpeg', 'dataset.limit=6', 'batch=3', 'execution.strip=0'] as const;

describe('shield reproduce', () => {
  const runs = temporaryFolder();
  let first: JsonResult;
  beforeAll(async () => {
    first = JSON.parse((await shield(['run', SMOKE, ...QUICK, '--json'], { runs })).stdout) as JsonResult;
  });

  test('computes all of it anew and finds every number the same', async () => {
    const before = attackedBatches(runs);
    const { code, stdout, stderr } = await shield(['reproduce', first.run], { runs });
    expect(code, stderr + stdout).toBe(0);
    expect(stdout).toContain('every metric and every number of 6 images is the same');
    const again = runsIn(runs).at(-1)!;
    expect(stdout).toContain(again.split('/').at(-1)!);
    const journal = readFileSync(join(again, 'journal.jsonl'), 'utf8');
    expect(journal).toContain('"type":"batch","stage":"attack"');
    expect(journal).not.toContain('"phase":"reused"');
    expect(attackedBatches(runs)).toEqual(before);
    expect((await shield(['show', 'latest'], { runs })).stdout).toContain(`again    ${first.run}\n`);
    expect((await shield(['runs'], { runs })).stdout).toMatch(new RegExp(`reproduces ${first.run.slice(-6)}\n`));
    expect(readdirSync(runs).filter((name) => name.startsWith('.reproduced'))).toEqual([]);
  });

  test('says what is other today, and runs nothing with --check', async () => {
    const count = runsIn(runs).length;
    const { code, stdout } = await shield(['reproduce', first.run, '--check'], {
      runs,
      env: { TF_DETERMINISTIC_OPS: '1' },
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/environment\.TF_DETERMINISTIC_OPS +– +1/);
    expect(runsIn(runs)).toHaveLength(count);
  });

  test('says which code is other today', async () => {
    const path = join(first.path, 'provenance.json');
    const text = readFileSync(path, 'utf8');
    const { code } = JSON.parse(text) as { code: { plugins: Record<string, { digest: string }> } };
    writeFileSync(path, text.replace(code.plugins['attack:fgsm']!.digest, '0123456789abcdef'));
    const { code: exit, stdout } = await shield(['reproduce', first.run, '--check'], { runs });
    writeFileSync(path, text);
    expect(exit).toBe(0);
    for (const line of stdout.split('\n')) expect([...line].length, line).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(/code\.plugins\.attack:fgsm\.digest +0123456789abcdef +[0-9a-f]{16}/);
  });

  test('other numbers on record: named image by image, exit code 1', async () => {
    const path = join(first.path, 'per-image.jsonl');
    const kept = join(first.path, 'per-image.kept');
    copyFileSync(path, kept);
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace(/"l2":([\d.]+)/, (_, l2) => `"l2":${2 * Number(l2)}`),
    );
    const { code, stdout } = await shield(['reproduce', first.run], { runs });
    copyFileSync(kept, path);
    expect(code).toBe(1);
    expect(stdout).toContain('5 of 6 images are the same to the last bit');
    for (const line of stdout.split('\n')) expect([...line].length, line).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(/largest relative difference 0\.5 \(attacks\.fgsm\.l2 of /);
  });

  test('no such run', async () => {
    expectError(await shield(['reproduce', 'nothing'], { runs }), 2, 'RUN_NOT_FOUND');
    expect(existsSync(join(runs, 'artifacts'))).toBe(true);
  });
});
