/*
 * Takes the weights of a training run into packages/models/weights/small-cnn.safetensors, and writes into the file
 * where they come from:
 *
 *     npx shield run configs/train-small.yaml
 *     node bench/record/small-cnn-weights.js runs/RUN
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readSafetensors, writeSafetensors } from '@shield/core';

const run = process.argv[2];
if (!run) throw new Error('usage: node bench/record/small-cnn-weights.js runs/RUN');
const source = join(run, 'weights.safetensors');
const { tensors, metadata } = readSafetensors(new Uint8Array(await readFile(source)), source);
const metrics = JSON.parse(await readFile(join(run, 'metrics.json'), 'utf8'));
const provenance = JSON.parse(await readFile(join(run, 'provenance.json'), 'utf8'));
const file = writeSafetensors(tensors, {
  ...metadata,
  command: 'shield run configs/train-small.yaml',
  trained: provenance.startedAt.slice(0, 10),
  commit: provenance.git.commit,
  accuracy: `${metrics['validation/accuracy']} on the held-out images of the training split`,
  licence: 'MIT',
});
await writeFile(new URL('../../packages/models/weights/small-cnn.safetensors', import.meta.url), file);
console.log(`${file.length} bytes, validation accuracy ${metrics['validation/accuracy']}`);
