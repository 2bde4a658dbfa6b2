import type { ByteImage } from '../plugin/contracts.js';
import { PRECISION_BITS, type Taps } from './resample-filters.js';

/** The passes of a resize; one that is not there has nothing to do. */
export interface Passes {
  readonly first: 'across' | 'down';
  readonly across: Taps | undefined;
  readonly down: Taps | undefined;
}

/**
 * Both passes over bytes in plain TypeScript: what the WebAssembly ones are held to, and what runs where there is no
 * WebAssembly.
 */
export function bytesResize(image: ByteImage, height: number, width: number, passes: Passes): Uint8Array {
  const { first, across, down } = passes;
  const wide = (source: Uint8Array, rows: number) =>
    across ? bytesAcross(source, image.width, width, rows, across) : source;
  const high = (source: Uint8Array, columns: number) => (down ? bytesDown(source, columns * 3, height, down) : source);
  return first === 'down' ? wide(high(image.data, image.width), height) : high(wide(image.data, image.height), width);
}

// Whole-number arithmetic is spelled out (imul, | 0): a plain product may be -0, for which V8 goes over to doubles.
function bytesAcross(source: Uint8Array, from: number, to: number, rows: number, across: Taps): Uint8Array {
  const { size, bounds, fixed } = across;
  const out = new Uint8Array(rows * to * 3);
  const half = 1 << (PRECISION_BITS - 1);
  for (let y = 0, o = 0; y < rows; y++) {
    for (let x = 0; x < to; x++, o += 3) {
      let s = (y * from + bounds[2 * x]!) * 3;
      let r = half;
      let g = half;
      let b = half;
      for (let k = x * size, end = k + bounds[2 * x + 1]!; k < end; k++, s += 3) {
        const weight = fixed[k]!;
        r = (r + Math.imul(source[s]!, weight)) | 0;
        g = (g + Math.imul(source[s + 1]!, weight)) | 0;
        b = (b + Math.imul(source[s + 2]!, weight)) | 0;
      }
      out[o] = byte(r);
      out[o + 1] = byte(g);
      out[o + 2] = byte(b);
    }
  }
  return out;
}

/** Row by row: each source row is added, weighted, to a line of sums, so that memory is read in order. */
function bytesDown(source: Uint8Array, row: number, to: number, { size, bounds, fixed }: Taps): Uint8Array {
  const out = new Uint8Array(row * to);
  const sums = new Int32Array(row);
  for (let y = 0; y < to; y++) {
    sums.fill(1 << (PRECISION_BITS - 1));
    const first = bounds[2 * y]!;
    for (let k = 0, count = bounds[2 * y + 1]!; k < count; k++) {
      const weight = fixed[y * size + k]!;
      for (let i = 0, s = (first + k) * row; i < row; i++, s++)
        sums[i] = (sums[i]! + Math.imul(source[s]!, weight)) | 0;
    }
    for (let i = 0, o = y * row; i < row; i++, o++) out[o] = byte(sums[i]!);
  }
  return out;
}

function byte(sum: number): number {
  const value = sum >> PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}
