import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { runsIn, root, shield, temporaryFolder } from './shield.js';

const SMOKE = join(root, 'configs', 'smoke.yaml');
/** Says the process's peak memory as it ends. */
const PRELOAD =
  "data:text/javascript,process.on('exit',()=>process.stderr.write('PEAK '+process.resourceUsage().maxRSS+'\\n'))";

test('memory does not grow with the number of images, nor tensors from batch to batch', async () => {
  const peaks: number[] = [];
  // The smaller of two peaks each: when the collector runs is up to the machine, and only ever adds.
  for (const limit of [50, 300, 50, 300]) {
    const runs = temporaryFolder();
    const args = [
      'run',
      SMOKE,
      '--quiet',
      'batch=10',
      `dataset.limit=${limit}`,
      '~attacks.cw_l2',
      '~defenses.round8',
      'execution.strip=0',
    ];
    const { code, stderr } = await shield(args, { runs, env: { NODE_OPTIONS: `--import "${PRELOAD}"` } });
    expect(code, stderr).toBe(0);
    peaks.push(Number(/PEAK (\d+)/.exec(stderr)![1]));
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
  expect(Math.min(peaks[1]!, peaks[3]!) / Math.min(peaks[0]!, peaks[2]!), peaks.join()).toBeLessThan(1.1);
});
