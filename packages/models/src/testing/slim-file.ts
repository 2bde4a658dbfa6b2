import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBackend, writeSafetensors, type Model, type ModelPlugin } from '@shield/core';
import type { SlimNetwork } from '../tf-slim-ops.js';
import { slimVariables } from '../tf-slim-variables.js';
import { testContext } from './load-context.js';

/**
 * Loads a plugin from a file with weights of its network, made up, and a variable that it does not need.
 *
 * @param use is given the model, what was said while loading, and the path of the file
 */
export async function withLoadedSlim(
  plugin: ModelPlugin,
  network: SlimNetwork,
  classes: number,
  use: (model: Model, said: readonly string[], path: string) => void | Promise<void>,
): Promise<void> {
  await openBackend('cpu', { log: () => undefined, warn: () => undefined });
  const folder = await mkdtemp(join(tmpdir(), 'shield-slim-'));
  try {
    const tensors = new Map([['global_step', { shape: [1], data: Float32Array.of(7) }]]);
    for (const [name, shape] of slimVariables(network, classes)) {
      const size = shape.reduce((product, side) => product * side, 1);
      tensors.set(name, { shape: [...shape], data: new Float32Array(size).fill(name.endsWith('variance') ? 1 : 0.01) });
    }
    const path = join(folder, 'weights.safetensors');
    await writeFile(path, writeSafetensors(tensors));
    const context = testContext();
    const model = await plugin.load({ weights: path, classes: 0 }, context);
    await use(model, context.said, path);
    model.dispose();
  } finally {
    await rm(folder, { recursive: true });
  }
}
