import type { WeightArray, WeightTensor } from '../weight-tensor.js';
import { rowMajorStrides, sizeOf } from '../weight-tensor.js';
import { sliceShape, type TensorSlice } from './tensor-slice.js';

/** A piece of a variable, row by row. */
export interface Piece {
  readonly slice: TensorSlice;
  readonly data: WeightArray;
}

/**
 * Puts the pieces of a partitioned variable together; a single piece that is the whole stays where it is.
 *
 * @throws RangeError, saying what is wrong, where the pieces leave gaps, overlap or do not fit
 */
export function assemble(shape: readonly number[], pieces: readonly Piece[]): WeightTensor {
  const strides = rowMajorStrides(shape);
  const size = sizeOf(shape);
  const stored = pieces.reduce((sum, { data }) => sum + data.length, 0);
  const [first] = pieces;
  if (!first || stored !== size) throw new RangeError(`its pieces hold ${stored} values instead of ${size}`);
  if (pieces.length === 1) return { shape, strides, data: first.data };

  const data = new (first.data.constructor as new (length: number) => WeightArray)(size);
  const filled = new Uint8Array(size);
  for (const { slice, data: values } of pieces) {
    const sides = sliceShape(slice, shape);
    if (!sides) throw new RangeError('a piece of it does not fit its shape');
    if (values.length === 0) continue;
    const start = slice.reduce((sum, extent, axis) => sum + extent.start * strides[axis]!, 0);
    const run = sides.at(-1) ?? 1;
    const index = new Array<number>(Math.max(0, sides.length - 1)).fill(0);
    for (let from = 0, to = start; from < values.length; from += run) {
      data.set(values.subarray(from, from + run) as never, to);
      filled.fill(1, to, to + run);
      for (let axis = index.length - 1; axis >= 0; axis--) {
        to += strides[axis]!;
        if (++index[axis]! < sides[axis]!) break;
        to -= strides[axis]! * sides[axis]!;
        index[axis] = 0;
      }
    }
  }
  // As many values as places: where two pieces overlap, a place is left empty.
  if (filled.includes(0)) throw new RangeError('its pieces overlap');
  return { shape, strides, data };
}
