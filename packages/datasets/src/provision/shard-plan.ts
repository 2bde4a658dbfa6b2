import { createHash } from 'node:crypto';
import { Random, ShieldError, type Split } from '@shield/core';
import type { BoundingBox } from './bounding-boxes.js';
import type { ImageList } from './image-list.js';
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
  /** In the order in which they are written; each is made when it is asked for. */
  readonly images: { readonly length: number; at(place: number): PlannedImage };
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
  images: ImageList<LabelledImage>,
  shards: number,
  numbers: ReadonlyMap<string, number>,
  boxes?: ReadonlyMap<string, readonly BoundingBox[]>,
): ShardPlan {
  const sorted = images.byName();
  refuseTwins(split, images, sorted);
  const ordered =
    split === 'train'
      ? new Random(SEED, 'provision').permutation(sorted.length).map((place) => sorted[place]!)
      : sorted;
  const planned = {
    length: images.length,
    at: (place: number): PlannedImage => {
      const image = images.at(ordered[place]!);
      const label = numbers.get(image.wnid)!;
      return boxes ? { ...image, label, boxes: boxes.get(image.name) ?? [] } : { ...image, label };
    },
  };
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
  const start = shard * perShard;
  const length = Math.max(0, Math.min(perShard, images.length - start));
  return Array.from({ length }, (_, i) => images.at(start + i));
}

/** `validation-00000-of-00128` */
export function shardName({ split, shards }: Pick<ShardPlan, 'split' | 'shards'>, shard: number): string {
  const five = (number: number) => String(number).padStart(5, '0');
  return `${split}-${five(shard)}-of-${five(shards)}`;
}

function refuseTwins(split: Split, images: ImageList<LabelledImage>, sorted: Uint32Array): void {
  for (let i = 1; i < sorted.length; i++) {
    if (!images.sameName(sorted[i - 1]!, sorted[i]!)) continue;
    const [a, b] = [images.at(sorted[i - 1]!), images.at(sorted[i]!)];
    const place = ({ path, offset }: LabelledImage) => (offset === 0 ? path : `${path} at byte ${offset}`);
    throw new ShieldError('DATASET_INVALID', {
      name: 'imagenet',
      reason: `two ${split} images are named ${a.name}: ${place(a)}, ${place(b)}`,
      expected: 'fetch the archive again; each name stands for one image',
    });
  }
}

function digestOf(split: Split, shards: number, images: ShardPlan['images']): string {
  const hash = createHash('sha256').update(`provision 1 ${split} ${shards}\n`);
  for (let place = 0; place < images.length; place++) {
    const { name, size, wnid, label, boxes } = images.at(place);
    hash.update(`${name}\t${size}\t${wnid}\t${label}\t${boxes ? JSON.stringify(boxes) : ''}\n`);
  }
  return hash.digest('hex');
}
