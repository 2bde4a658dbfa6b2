import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { ownAttack } from './own-attack.js';
import { expectError, readJson, shield, temporaryFolder } from './shield.js';
import { cellRuns, type Swept } from './swept.js';

/** Cells that are ended again and again, or long after their limit: SHIELD_TEST_FULL=1. */
const full = process.env['SHIELD_TEST_FULL'] === '1';
if (full) vi.setConfig({ testTimeout: 600_000 });

const folder = temporaryFolder();
const attackSpec = (name: string, body: string, execution: string) => ownAttack(folder, { name, body, execution });
const local = ['--executor', 'local', 'execution.workers=1'];

describe('a worker', () => {
  test('that takes more memory than it may is ended, and its cell done with half the batch', async () => {
    const runs = temporaryFolder();
    // In steps, so that its watch sees it grow; it waits to be ended, and says so where nobody does.
    const grow = `if (size > 2) {
      for (let i = 0; i < 80; i++) { hold(20); await sleep(20); }
      await sleep(120_000);
      throw new Error('nobody ended it');
    }`;
    const spec = attackSpec('hungry', grow, 'time_limit: 0');
    const { code, stdout, stderr } = await shield(['sweep', spec, '--json', ...local, 'execution.memory=900'], {
      runs,
    });
    expect(code, stderr).toBe(0);
    const { cells, path } = JSON.parse(stdout) as Swept;
    expect(cells).toMatchObject([{ state: 'COMPLETED', attempts: 2, batch: 2 }]);
    expect(stderr).toMatch(
      /OUT_OF_MEMORY: .*a worker used \d+ MiB, and may use 900; attempt 2 .*with batch 2 in place of 4/,
    );
    // Two runs: batch boundaries are part of what names an artifact.
    expect(cellRuns(runs).get(1)).toHaveLength(2);
    expect(readJson(join(path, 'metrics.json'))).toMatchObject({ 'cells/completed': 1 });
  });

  test('whose tensors find no memory has half the batch, too, in whatever process; a plain run says so', async () => {
    const runs = temporaryFolder();
    // More bytes than a process can name: TensorFlow itself says that they cannot be had.
    const body = `const tf = await import('@tensorflow/tfjs-core');
    if (size > 2) tf.tile(images, [2e9, 8, 1, 1]);`;
    const spec = attackSpec('huge', body, 'time_limit: 0');
    const { code, stdout, stderr } = await shield(['sweep', spec, '--json', 'backend=node'], { runs });
    expect(code, stderr).toBe(0);
    expect((JSON.parse(stdout) as Swept).cells).toMatchObject([{ state: 'COMPLETED', attempts: 2, batch: 2 }]);
    expect(stderr).toMatch(/cell 1: OUT_OF_MEMORY: .*OOM when allocating tensor/);
    // Told once, as what another attempt follows.
    expect(stderr).not.toContain('FAILED');
    const plain = await shield(['run', spec, '~sweep', 'backend=node'], { runs });
    expectError(plain, 1, 'OUT_OF_MEMORY');
  });

  test.skipIf(!full)('that is out of memory with a batch of one, too, says so in the end', async () => {
    const runs = temporaryFolder();
    const grow = `for (let i = 0; i < 80; i++) { hold(20); await sleep(20); }
    await sleep(120_000);`;
    const spec = attackSpec('hungrier', grow, 'time_limit: 0');
    const args = ['sweep', spec, '--json', ...local, 'execution.memory=900', 'batch=2'];
    const swept = await shield(args, { runs });
    expectError(swept, 1, 'SWEEP_FAILED');
    const { cells } = JSON.parse(swept.stdout) as Swept;
    expect(cells).toMatchObject([{ state: 'FAILED', attempts: 2, batch: 1 }]);
    expect(cells[0]!.error).toMatch(/^OUT_OF_MEMORY: /);
  });

  test('whose cell takes longer than it may: TIMEOUT, which is not tried again, and is gone on with', async () => {
    const runs = temporaryFolder();
    // It comes to a checkpoint after each batch.
    const spec = attackSpec('slow', 'await sleep(3000);', 'time_limit: 1');
    const args = ['sweep', spec, '--json', ...local, 'batch=1'];
    const swept = await shield(args, { runs });
    expectError(swept, 1, 'SWEEP_FAILED');
    const { cells, sweep } = JSON.parse(swept.stdout) as Swept;
    expect(cells).toMatchObject([{ state: 'TIMEOUT', attempts: 1 }]);
    // How to go on is said once, of the sweep.
    expect(cells[0]!.error).toBe('TIMEOUT: cell 1 was stopped after 1 s, its limit; its finished batches stand');
    expect(swept.stderr).toContain('--only failed');
    const shown = await shield(['show', sweep, '--json'], { runs });
    expect(JSON.parse(shown.stdout)).toMatchObject({ cells: [{ state: 'TIMEOUT' }] });
    // With more time the batches that were done are not computed again.
    const again = await shield([...args, 'execution.time_limit=0'], { runs });
    expect(again.code, again.stderr).toBe(0);
    expect((JSON.parse(again.stdout) as Swept).cells).toMatchObject([{ state: 'COMPLETED' }]);
  });

  test.skipIf(!full)('whose cell never comes to a checkpoint: TIMEOUT as well, half a minute later', async () => {
    const runs = temporaryFolder();
    const spec = attackSpec('deaf', 'for (;;) hold(0);', 'time_limit: 25');
    const swept = await shield(['sweep', spec, '--json', ...local], { runs });
    expectError(swept, 1, 'SWEEP_FAILED');
    const { cells } = JSON.parse(swept.stdout) as Swept;
    expect(cells).toMatchObject([{ state: 'TIMEOUT' }]);
    expect(cells[0]!.error).toMatch(/the cell was ended after \d+ s, its limit is 25/);
  });
});
