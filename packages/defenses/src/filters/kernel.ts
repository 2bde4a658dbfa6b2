import { compiledKernel, type FloatImage, type KernelMemory } from '@shield/core';
import { mirrored } from '../median/mirrored.js';

/** What assembly/filters.ts exports. Addresses are bytes into `memory`. */
interface KernelExports extends KernelMemory {
  layOut(height: number, width: number, window: number): number;
  imageAddress(): number;
  resultAddress(): number;
  weightsAddress(): number;
  rowTableAddress(): number;
  columnTableAddress(): number;
  medianOfNine(): void;
  blur(): void;
}

const open = compiledKernel<KernelExports>(new URL('../../dist/filters/kernel.wasm', import.meta.url));

/** Memory beyond this is given back after the image that needed it. */
const KEPT_BYTES = 64 * 2 ** 20;

let instance: KernelExports | undefined;

/**
 * {@link medianOfNine} of three channels of floats that are not negative, in WebAssembly with SIMD; undefined where it was
 * not built, the machine has none, or its memory does not hold the image.
 */
export function kernelMedianOfNine(image: FloatImage): FloatImage | undefined {
  return run(image, 3, (exports) => exports.medianOfNine());
}

/** {@link convolve} likewise. */
export function kernelConvolve(image: FloatImage, weights: Float64Array): FloatImage | undefined {
  const { height, width } = image;
  return run(image, weights.length, (exports) => {
    const { buffer } = exports.memory;
    const [rows, columns] = [mirrored(height, weights.length), mirrored(width, weights.length)];
    new Float64Array(buffer, exports.weightsAddress(), weights.length).set(weights);
    new Int32Array(buffer, exports.rowTableAddress(), rows.length).set(rows);
    new Int32Array(buffer, exports.columnTableAddress(), columns.length).set(columns);
    exports.blur();
  });
}

function run(
  { data, height, width }: FloatImage,
  window: number,
  filter: (exports: KernelExports) => void,
): FloatImage | undefined {
  instance ??= open();
  const exports = instance;
  if (!exports?.layOut(height, width, window)) return undefined;
  new Float32Array(exports.memory.buffer, exports.imageAddress(), data.length).set(data);
  filter(exports);
  const result = new Float32Array(exports.memory.buffer, exports.resultAddress(), data.length).slice();
  if (exports.memory.buffer.byteLength > KEPT_BYTES) instance = undefined;
  return { data: result, height, width };
}
