import { mirrored } from './mirrored.js';

/**
 * The median of each window by selection among its values (Hoare 1961), for windows of few values; windows, edges and
 * middle as of {@link slidingMedian}, which is the faster the larger they are.
 *
 * @param bits [height, width, channels] row by row
 */
export function selectedMedian(
  bits: Int32Array,
  height: number,
  width: number,
  channels: number,
  size: number,
  acrossChannels: boolean,
): Int32Array {
  const out = new Int32Array(bits.length);
  const rows = mirrored(height, size);
  const columns = mirrored(width, size).map((column) => column * channels);
  const depth = acrossChannels ? mirrored(channels, size) : Int32Array.from({ length: channels }, (_, c) => c);
  const deep = acrossChannels ? size : 1;
  const window = new Int32Array(size * size * deep);
  const middle = window.length >> 1;
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < channels; channel++, to++) {
        let n = 0;
        for (let k = 0; k < size; k++) {
          const row = rows[y + k]! * width * channels;
          for (let l = x; l < x + size; l++) {
            const pixel = row + columns[l]!;
            for (let c = channel; c < channel + deep; c++) window[n++] = bits[pixel + depth[c]!]!;
          }
        }
        out[to] = select(window, middle);
      }
    }
  }
  return out;
}

/** The value that would stand at a place if the values were sorted; they change places. */
function select(values: Int32Array, place: number): number {
  let from = 0;
  let to = values.length - 1;
  while (from < to) {
    const pivot = values[place]!;
    let i = from;
    let j = to;
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i > j) break;
      const swapped = values[i]!;
      values[i++] = values[j]!;
      values[j--] = swapped;
    }
    if (j < place) from = i;
    if (i > place) to = j;
  }
  return values[place]!;
}
