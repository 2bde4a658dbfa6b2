import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { expectError, shield, start, temporaryFolder, until } from './shield.js';
import { lightSweep } from './swept.js';

const folder = temporaryFolder();

/** The spec of a sweep of a thousand times so many cells. */
function thousands(n: number): string {
  const path = lightSweep(folder, `thousands-${n}`, 1);
  const grid = `grid: { attacks.fgsm.eps: { linspace: [1, 16, 1000] }, seed: { range: [0, ${n}] } }`;
  writeFileSync(path, readFileSync(path, 'utf8').replace(/sweep: .*/, `sweep: { ${grid} }`));
  return path;
}

describe('a very large sweep', () => {
  test('tells how far its planning is; Ctrl-C ends it at once, and nothing is left', async () => {
    const runs = temporaryFolder();
    const { child, outcome } = start(['sweep', thousands(1000), '--yes'], { runs });
    let told = '';
    child.stderr!.on('data', (chunk: Buffer) => (told += chunk.toString()));
    await until(() => told.includes('\n') || child.exitCode !== null);
    child.kill('SIGINT');
    const began = performance.now();
    const { code, stderr } = await outcome;
    expect(performance.now() - began).toBeLessThan(3000);
    expect(stderr).toMatch(
      /^planning: [\d,]+ of 1,000,000 cells( {2}[\dhms ]+ left)?\nthe sweep was stopped by SIGINT before/,
    );
    expect(code).toBe(130);
    expect(readdirSync(runs)).toEqual([]);
  });

  test('that would not fit into memory says so, and how much it takes, before it is planned', async () => {
    const runs = temporaryFolder();
    const env = { NODE_OPTIONS: '--max-old-space-size=120' };
    const outcome = await shield(['sweep', thousands(99), '--dry-run'], { runs, env });
    expectError(outcome, 2, 'SWEEP_NO_MEMORY');
    expect(outcome.stderr).toMatch(/NODE_OPTIONS=--max-old-space-size=\d{3}\n/);
  });
});
