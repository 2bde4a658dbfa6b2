import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { runsIn, root, shield, temporaryFolder } from './shield.js';

const SMOKE = join(root, 'configs', 'smoke.yaml');
/**
 * Collects garbage ten times a second and says at the end the most that was then alive: heap, buffers and WebAssembly.
 * The peak of the resident memory says when V8 found it worth collecting: it parts by a fifth between like runs.
 */
const PRELOAD = `data:text/javascript,${encodeURIComponent(`
  let most = 0;
  const look = () => {
    gc();
    const { heapUsed, external } = process.memoryUsage();
    most = Math.max(most, heapUsed + external);
  };
  setInterval(look, 100).unref();
  process.on('exit', () => process.stderr.write('ALIVE ' + Math.round(most / 1024) + '\\n'));
`)}`;

const [SMALLER, LARGER] = [200, 1000];

test('memory does not grow with the number of images, nor tensors from batch to batch', async () => {
  const peaks: number[] = [];
  // bench/memory.js measures the resident memory of 50 against 300 photos.
  for (const limit of [SMALLER, LARGER]) {
    const runs = temporaryFolder();
    const args = [
      'run',
      SMOKE,
      '--quiet',
      'batch=10',
      `dataset.limit=${limit}`,
      '~attacks.cw_l2',
      '~defenses.round8',
      '~defenses.slq',
      'execution.strip=0',
    ];
    const { code, stderr } = await shield(args, { runs, env: { NODE_OPTIONS: `--expose-gc --import "${PRELOAD}"` } });
    expect(code, stderr).toBe(0);
    peaks.push(Number(/ALIVE (\d+)/.exec(stderr)![1]));
    const journal = readFileSync(join(runsIn(runs)[0]!, 'journal.jsonl'), 'utf8')
      .trimEnd()
      .split('\n');
    const batches = journal
      .map((line) => JSON.parse(line) as { type: string; stage: string; name: string; tensors: number })
      .filter(({ type }) => type === 'batch');
    expect(batches.length).toBeGreaterThan(limit / 10);
    for (const stage of new Set(batches.map(({ stage, name }) => `${stage} ${name}`))) {
      const counts = batches.filter((batch) => `${batch.stage} ${batch.name}` === stage).map(({ tensors }) => tensors);
      expect(new Set(counts).size, `${stage}: ${counts.join()}`).toBe(1);
    }
  }
  expect(peaks[1]! / peaks[0]!, peaks.join()).toBeLessThan(1.15);
});
