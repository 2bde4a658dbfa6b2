/**
 * The part of a run's batches that one process computes: every `of`-th, so that the dataset's size need not be known, and
 * easy and hard images spread alike. `index` counts from 1.
 */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

/** All batches. */
export const WHOLE: Shard = { index: 1, of: 1 };

export function isWhole({ of }: Shard): boolean {
  return of === 1;
}

export function ownsBatch({ index, of }: Shard, batch: number): boolean {
  return batch % of === index - 1;
}

/** Images in the shard's batches up to and with this one. @param images of the whole run, where known */
export function imagesUpTo({ index, of }: Shard, batch: number, size: number, images = Infinity): number {
  if (batch < index - 1) return 0;
  const mine = Math.floor((batch - (index - 1)) / of) + 1;
  const last = (mine - 1) * of + index - 1;
  return (mine - 1) * size + Math.min(size, Math.max(0, images - last * size));
}

/** Images of the shard; undefined where their number is not known. */
export function imagesIn(shard: Shard, size: number, images: number | undefined): number | undefined {
  return images === undefined ? undefined : imagesUpTo(shard, Math.ceil(images / size) - 1, size, images);
}

/** `2/5`. */
export function shardName({ index, of }: Shard): string {
  return `${index}/${of}`;
}
