import { describe, expect, it } from 'vitest';
import { imagesOfShard, planShards, shardName } from './shard-plan.js';
import type { LabelledImage } from './raw-image.js';
import { listOf } from './testing/image-lists.js';

const images = (count: number): LabelledImage[] =>
  Array.from({ length: count }, (_, i) => ({
    name: `${1000 - i}.JPEG`,
    path: 'a',
    offset: i,
    size: i + 1,
    wnid: 'n1',
  }));
const numbers = new Map([['n1', 1]]);
const names = (split: 'train' | 'validation', count: number, shards: number) => {
  const plan = planShards(split, listOf(images(count)), shards, numbers);
  return Array.from({ length: shards }, (_, shard) => imagesOfShard(plan, shard).map(({ name }) => parseInt(name)));
};

describe('planShards', () => {
  it('cuts validation images in the order of their names into ⌈n / shards⌉, as the original’s script', () => {
    expect(names('validation', 7, 3)).toEqual([[1000, 994, 995], [996, 997, 998], [999]]);
    expect(names('validation', 4, 3)).toEqual([[1000, 997], [998, 999], []]);
    // 50,000 in 128: 391 each, 343 in the last.
    expect(names('validation', 50_000, 128).map((shard) => shard.length)).toEqual([
      ...Array<number>(127).fill(391),
      343,
    ]);
  });

  it('shuffles training images, in the same order wherever they come from, none lost', () => {
    const shards = names('train', 500, 4);
    expect(shards.flat()).not.toEqual([...shards.flat()].sort((a, b) => a - b));
    expect(new Set(shards.flat()).size).toBe(500);
    const again = planShards('train', listOf(images(500).reverse()), 4, numbers);
    expect(imagesOfShard(again, 0).map(({ name }) => parseInt(name))).toEqual(shards[0]);
  });

  it('names what is to be written: other shards, labels, boxes or sizes are another plan', () => {
    const digest = (count = 5, shards = 2, map = numbers, boxes?: ReadonlyMap<string, []>) =>
      planShards('train', listOf(images(count)), shards, map, boxes).digest;
    const moved = images(5).map((image) => ({ ...image, path: 'elsewhere', offset: 7 }));
    expect(planShards('train', listOf(moved), 2, numbers).digest).toBe(digest());
    const others = [digest(6), digest(5, 3), digest(5, 2, new Map([['n1', 2]])), digest(5, 2, numbers, new Map())];
    expect(new Set([digest(), ...others]).size).toBe(5);
  });

  it('refuses two images of one name, and names shards as TensorFlow’s scripts do', () => {
    const twins = [...images(3), { ...images(1)[0]!, path: 'b.tar', offset: 99 }];
    expect(() => planShards('train', listOf(twins), 2, numbers)).toThrow('named 1000.JPEG: a, b.tar at byte 99');
    expect(shardName({ split: 'validation', shards: 128 }, 3)).toBe('validation-00003-of-00128');
  });
});
