import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WeightArray } from '../weight-tensor.js';
import { openTensorFlowCheckpoint } from './checkpoint.js';
import { CHECKPOINTS, GOLDEN, golden } from './testing/golden.js';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'shield-checkpoint-'))));
afterAll(() => rm(folder, { recursive: true }));

const sha256 = (data: WeightArray) => createHash('sha256').update(data).digest('hex');
const cases = Object.entries(CHECKPOINTS).flatMap(([what, { names }]) => names.map((name) => [what, name] as const));

describe.each(cases)('%s, called %s', (_, name) => {
  it('is read as TensorFlow wrote it', async () => {
    const checkpoint = await openTensorFlowCheckpoint(golden(name));
    const listed = checkpoint.variables.map(({ name, shape, dtype }) => ({ name, shape, dtype }));
    expect(listed.sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual(
      GOLDEN.variables.map(({ name, shape, dtype }) => ({ name, shape, dtype })),
    );
    const tensors = await checkpoint.read(() => true);
    await checkpoint.close();
    expect(tensors.size).toBe(GOLDEN.variables.length);
    for (const { name, shape, sha256_le } of GOLDEN.variables) {
      const { data, ...tensor } = tensors.get(name)!;
      expect(tensor.shape).toEqual(shape);
      expect(sha256(data), name).toBe(sha256_le);
    }
  });
});

describe('a checkpoint', () => {
  it.each(['v1_small.ckpt', 'v1_sharded.ckpt', 'v2_sharded'])('%s gives only what is wanted', async (name) => {
    const checkpoint = await openTensorFlowCheckpoint(golden(name));
    const tensors = await checkpoint.read((variable) => variable === 'net/parts' || variable === 'misc/longs');
    await checkpoint.close();
    expect([...tensors.keys()].sort()).toEqual(['misc/longs', 'net/parts']);
  });

  it('that is not there, or not whole, is said to be so', async () => {
    const missing = openTensorFlowCheckpoint(join(folder, 'nothing.ckpt'));
    await expect(missing).rejects.toThrow(/nothing\.ckpt cannot be used: there is no such checkpoint/);
    const shard = 'v1_sharded.ckpt-00000-of-00002';
    await copyFile(golden(shard), join(folder, shard));
    await expect(openTensorFlowCheckpoint(join(folder, shard))).rejects.toThrow(/1 of its 2 shards are there/);
    await copyFile(golden('v2_small.index'), join(folder, 'v2_small.index'));
    await expect(openTensorFlowCheckpoint(join(folder, 'v2_small'))).rejects.toThrow(/data-00000-of-00001.*ENOENT/);
    await writeFile(join(folder, 'text.ckpt'), 'this is no checkpoint at all, though it has more than 48 bytes\n');
    await expect(openTensorFlowCheckpoint(join(folder, 'text.ckpt'))).rejects.toThrow(/the mark of a checkpoint/);
    await expect(openTensorFlowCheckpoint(folder)).rejects.toMatchObject({ code: 'WEIGHTS_INVALID' });
  });
});
