import { expect, test } from 'vitest';
import { pythonForTests } from '../../packages/models/src/testing/python-for-tests.js';
import { shield, temporaryFolder, type JsonResult } from '../../test/shield.js';

const python = pythonForTests();
const runs = temporaryFolder();

test.skipIf(!python)('a network in PyTorch is found as robust as the same one here', async () => {
  const found = async (...model: readonly string[]) => {
    const args = ['run', 'examples/my-network/spec.yaml', 'dataset.limit=16', '--json', ...model];
    const outcome = await shield(args, { runs });
    expect(outcome.code, outcome.stderr).toBe(0);
    return (JSON.parse(outcome.stdout) as JsonResult).metrics;
  };
  const theirs = await found(`model.python=${python}`, 'model.threads=1');
  const ours = await found('model={use: small_cnn}');
  expect(theirs['clean/top1']).toBe(ours['clean/top1']);
  expect(theirs['attack/pgd/success']).toBeGreaterThan(0.3);
  // Signs of gradients near zero, and rounding, differ between the two libraries.
  for (const name of ['attack/pgd/success', 'defended/pgd/jpeg/top1', 'clean_defended/jpeg/top1']) {
    expect(Math.abs(theirs[name]! - ours[name]!), name).toBeLessThanOrEqual(1 / 16);
  }
  expect(theirs['attack/pgd/l2_mean_all']).toBeCloseTo(ours['attack/pgd/l2_mean_all']!, 2);
});
