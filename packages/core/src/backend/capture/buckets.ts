/** `rows` images from `start`, run as a batch of `bucket` (the rest is padding). */
export interface Piece {
  readonly start: number;
  readonly rows: number;
  readonly bucket: number;
}

/**
 * Few, since each costs a second or two to make (EfficientNet-Lite0, with gradient) and an image takes nearly the same
 * time in a batch of 4 as in one of 16. What a batch is cut into depends on its size alone, never on what ran before:
 * the same batch always gives the same bits.
 */
export const DEFAULT_BUCKETS: readonly number[] = [1, 4, 16, 64];

/**
 * Padding up to this share of a bucket is cheaper than the calls that it saves. Measured on EfficientNet-Lite0: an image of
 * a batch of one takes about as long as one of four, so a quarter (three images as four) is not.
 */
const PADDING_WORTH = 0.2;

/**
 * Cuts a batch into pieces for which graphs exist: as many of the largest bucket as fit, then a padded bucket where it
 * would be at least four fifths full, else the next smaller one and what is left.
 */
export function planBatches(rows: number, buckets: readonly number[] = DEFAULT_BUCKETS): Piece[] {
  const sizes = [...buckets].sort((a, b) => a - b);
  const pieces: Piece[] = [];
  for (let start = 0; start < rows;) {
    const left = rows - start;
    const up = sizes.find((size) => size >= left);
    const down = sizes.findLast((size) => size <= left);
    const bucket = up !== undefined && (down === undefined || (up - left) / up <= PADDING_WORTH) ? up : down!;
    const taken = Math.min(left, bucket);
    pieces.push({ start, rows: taken, bucket });
    start += taken;
  }
  return pieces;
}
