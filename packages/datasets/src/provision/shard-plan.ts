import { createHash } from 'node:crypto';
import { Random, ShieldError, type Split } from '@shield/core';
import type { BoundingBox } from './bounding-boxes.js';
import type { LabelledImage } from './raw-image.js';

/** An image as it is to be written. */
export interface PlannedImage extends LabelledImage {
  /** From 1. */
  readonly label: number;
  /** With files of boxes: those of this image, none where they name it not. */
  readonly boxes?: readonly BoundingBox[];
}

export interface ShardPlan {
  readonly split: Split;
  /** How many images of the plan a shard has; the last ones have fewer, or none. */
  readonly perShard: number;
  readonly shards: number;
  /** In the order in which they are written. */
  readonly images: readonly PlannedImage[];
  /** Names what is to be written, wherever the raw data lies. */
  readonly digest: string;
}

/** Of the training images' order: the published script shuffles by seed 0. */
const SEED = 0;

/**
 * Validation images in the order of their names, training images shuffled, both cut into shards of ⌈images / shards⌉, as
 * the original's script does. (Its shuffle begins from the order in which a file system lists files; this one from that
 * of the names, and is the same everywhere.)
 *
 * @throws DATASET_INVALID for two images of one name
 */
export function planShards(
  split: Split,
  images: readonly LabelledImage[],
  shards: number,
  numbers: ReadonlyMap<string, number>,
  boxes?: ReadonlyMap<string, readonly BoundingBox[]>,
): ShardPlan {
  const sorted = [...images].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  refuseTwins(split, sorted);
  const ordered =
    split === 'train'
      ? Array.from(new Random(SEED, 'provision').permutation(sorted.length), (i) => sorted[i]!)
      : sorted;
  const planned = ordered.map((image): PlannedImage => {
    const label = numbers.get(image.wnid)!;
    return boxes ? { ...image, label, boxes: boxes.get(image.name) ?? [] } : { ...image, label };
  });
  return {
    split,
    shards,
    perShard: Math.ceil(planned.length / shards),
    images: planned,
    digest: digestOf(split, shards, planned),
  };
}

/** The images of one shard. */
export function imagesOfShard({ images, perShard }: ShardPlan, shard: number): readonly PlannedImage[] {
  return images.slice(shard * perShard, (shard + 1) * perShard);
}

/** `validation-00000-of-00128` */
export function shardName({ split, shards }: Pick<ShardPlan, 'split' | 'shards'>, shard: number): string {
  const five = (number: number) => String(number).padStart(5, '0');
  return `${split}-${five(shard)}-of-${five(shards)}`;
}

function refuseTwins(split: Split, sorted: readonly LabelledImage[]): void {
  for (let i = 1; i < sorted.length; i++) {
    const [a, b] = [sorted[i - 1]!, sorted[i]!];
    if (a.name !== b.name) continue;
    const place = ({ path, offset }: LabelledImage) => (offset === 0 ? path : `${path} at byte ${offset}`);
    throw new ShieldError('DATASET_INVALID', {
      name: 'imagenet',
      reason: `two ${split} images are named ${a.name}: ${place(a)}, ${place(b)}`,
      expected: 'fetch the archive again; each name stands for one image',
    });
  }
}

function digestOf(split: Split, shards: number, images: readonly PlannedImage[]): string {
  const hash = createHash('sha256').update(`provision 1 ${split} ${shards}\n`);
  for (const { name, size, wnid, label, boxes } of images) {
    hash.update(`${name}\t${size}\t${wnid}\t${label}\t${boxes ? JSON.stringify(boxes) : ''}\n`);
  }
  return hash.digest('hex');
}
