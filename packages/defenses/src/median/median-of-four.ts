/**
 * The upper middle of each 2×2 window, which reaches one pixel up and left, channel by channel, images' edges mirrored.
 * Columns are sorted once for the two windows that they stand in; the second largest of four is the larger of two: the
 * smaller maximum, and the larger minimum.
 *
 * @param bits [height, width, channels] row by row: whole numbers in the order of the pixels' values
 */
export function medianOfFour(bits: Int32Array, height: number, width: number, channels: number): Int32Array {
  const row = width * channels;
  const out = new Int32Array(bits.length);
  // A column of windows stands one pixel left of the image.
  const low = new Int32Array(row + channels);
  const high = new Int32Array(row + channels);
  for (let y = 0; y < height; y++) {
    const above = Math.max(y - 1, 0) * row;
    const here = y * row;
    for (let i = 0, to = channels; i < row; i++, to++) {
      const a = bits[above + i]!;
      const b = bits[here + i]!;
      low[to] = Math.min(a, b);
      high[to] = Math.max(a, b);
    }
    low.copyWithin(0, channels, 2 * channels);
    high.copyWithin(0, channels, 2 * channels);
    for (let i = 0, r = channels; i < row; i++, r++) {
      out[here + i] = Math.max(Math.min(high[i]!, high[r]!), Math.max(low[i]!, low[r]!));
    }
  }
  return out;
}
