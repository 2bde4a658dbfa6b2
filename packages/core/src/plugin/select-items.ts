import type { Random } from '../random/random.js';

/** The items that `skip`, `limit` and `shuffle` of a dataset's options leave, in their order: shuffled, then cut. */
export function selectItems<T>(items: readonly T[], options: object, random: () => Random): readonly T[] {
  const { skip = 0, limit = 0, shuffle = false } = options as { skip?: number; limit?: number; shuffle?: boolean };
  const ordered = shuffle ? Array.from(random().permutation(items.length), (i) => items[i]!) : items;
  return ordered.slice(skip, limit > 0 ? skip + limit : undefined);
}
