export type WeightArray =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>;

/** One tensor of a weights file: a view into what was read, not a copy of it. */
export interface WeightTensor {
  readonly shape: readonly number[];
  /** In elements; a file may hold a tensor transposed. */
  readonly strides: readonly number[];
  /** Element (i, j, …) is `data[i·strides[0] + j·strides[1] + …]`. */
  readonly data: WeightArray;
}

export type WeightMap = ReadonlyMap<string, WeightTensor>;

/** How many elements a shape has; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** Strides, in elements, of a tensor stored row by row. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i]!;
  }
  return strides;
}

/**
 * The values as float32, row by row, after the dimensions are put in the order `axes` ([2, 3, 1, 0] turns torch's
 * [out, in, h, w] into tfjs's [h, w, in, out]). Gives the stored data itself where that is already it, else a copy.
 */
export function toFloat32(tensor: WeightTensor, axes?: readonly number[]): Float32Array<ArrayBuffer> {
  const order = axes ?? tensor.shape.map((_, i) => i);
  const shape = order.map((axis) => tensor.shape[axis]!);
  const strides = order.map((axis) => tensor.strides[axis]!);
  const { data } = tensor;
  const size = sizeOf(shape);
  if (data instanceof Float32Array && isRowMajor(shape, strides)) return data.subarray(0, size);
  const out = new Float32Array(size);
  const index = new Array<number>(shape.length).fill(0);
  for (let i = 0, at = 0; i < size; i++) {
    out[i] = Number(data[at]);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      at -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  const expected = rowMajorStrides(shape);
  // The stride of a dimension of one element says nothing.
  return shape.every((side, i) => side === 1 || strides[i] === expected[i]);
}
