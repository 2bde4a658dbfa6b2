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
  // In so small a process the heap's own warm-up (compiled code, the first collections) is most of what is seen below a
  // few hundred images; what images leave behind would go on growing. bench/memory.js measures 50 against 300 photos.
  for (const limit of [300, 1000]) {
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
  expect(peaks[1]! / peaks[0]!, peaks.join()).toBeLessThan(1.15);
});
