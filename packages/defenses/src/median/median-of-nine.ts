/**
 * The median of each 3×3 window, channel by channel, images' edges mirrored (d c b a | a b c d | d c b a). Columns are
 * sorted once for the three windows that they stand in; the median of nine is then the median of three: the largest of
 * the smallest, the middle of the middle, the smallest of the largest.
 *
 * @param bits [height, width, channels] row by row: whole numbers in the order of the pixels' values
 */
export function medianOfNine(bits: Int32Array, height: number, width: number, channels: number): Int32Array {
  const row = width * channels;
  const out = new Int32Array(bits.length);
  // A column of windows stands one pixel left of the image, and one right of it.
  const low = new Int32Array(row + 2 * channels);
  const middle = new Int32Array(low.length);
  const high = new Int32Array(low.length);
  for (let y = 0; y < height; y++) {
    const above = Math.max(y - 1, 0) * row;
    const here = y * row;
    const below = Math.min(y + 1, height - 1) * row;
    for (let i = 0, to = channels; i < row; i++, to++) {
      const a = bits[above + i]!;
      const b = bits[here + i]!;
      const c = bits[below + i]!;
      const less = Math.min(a, b);
      const more = Math.max(a, b);
      low[to] = Math.min(less, c);
      const upper = Math.max(less, c);
      middle[to] = Math.min(more, upper);
      high[to] = Math.max(more, upper);
    }
    for (const columns of [low, middle, high]) {
      columns.copyWithin(0, channels, 2 * channels);
      columns.copyWithin(row + channels, row, row + channels);
    }
    for (let i = 0, l = channels, r = 2 * channels; i < row; i++, l++, r++) {
      const largestLow = Math.max(Math.max(low[i]!, low[l]!), low[r]!);
      const smallestHigh = Math.min(Math.min(high[i]!, high[l]!), high[r]!);
      const middleOfMiddle = medianOfThree(middle[i]!, middle[l]!, middle[r]!);
      out[here + i] = medianOfThree(largestLow, middleOfMiddle, smallestHigh);
    }
  }
  return out;
}

function medianOfThree(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
