import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectError, root, shield, temporaryFolder } from './shield.js';

const runs = temporaryFolder();
const checkpoint = (name: string) => join(root, 'packages/core/src/weights/tensorflow/testing/golden', name);

describe('shield weights inspect', () => {
  test.each(['v1_small.ckpt', 'v2_sharded'])('lists the variables of %s', async (name) => {
    const { code, stdout } = await shield(['weights', 'inspect', checkpoint(name)], { runs });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^net\/parts +float32 +\[10, 7\]$/m);
    expect(stdout).toMatch(/^tensorflow: 12 variables, 4,[\d,]+ values, in /m);
    const { stdout: json } = await shield(['weights', 'inspect', checkpoint(name), '--json'], { runs });
    const { form, variables } = JSON.parse(json) as { form: string; variables: object[] };
    expect(form).toBe('tensorflow');
    expect(variables).toContainEqual({ name: 'misc/longs', shape: [2, 2], dtype: 'int64' });
  });

  test('says what is wrong with a file', async () => {
    const outcome = await shield(['weights', 'inspect', join(root, 'README.md')], { runs });
    expectError(outcome, 1, 'WEIGHTS_INVALID');
  });
});
