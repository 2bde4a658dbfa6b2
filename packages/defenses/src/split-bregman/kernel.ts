import { compiledKernel, type KernelMemory } from '@shield/core';
import type { Sweeper } from './sweeper.js';

/** What assembly/split-bregman.ts exports. Addresses are bytes into `memory`. */
interface KernelExports extends KernelMemory {
  layOut(height: number, width: number): number;
  imageAddress(): number;
  sumsAddress(): number;
  begin(weight: number): void;
  sweep(isotropic: number): void;
}

const open = compiledKernel<KernelExports>(new URL('../../dist/split-bregman/kernel.wasm', import.meta.url));

/** Memory beyond this is given back after the image that needed it. */
const KEPT_BYTES = 64 * 2 ** 20;

let instance: KernelExports | undefined;

/**
 * The sweeps in WebAssembly with SIMD, or undefined where it was not built, the machine has none, or its memory does not
 * hold the image. There is one at a time: what was gained by an earlier call is no longer valid.
 */
export function kernelSweeper(height: number, width: number): Sweeper | undefined {
  if (!instance || instance.memory.buffer.byteLength > KEPT_BYTES) instance = open();
  if (!instance) return undefined;
  const exports = instance;
  if (!exports.layOut(height, width)) return undefined;
  const { buffer } = exports.memory;
  const sums = new Float64Array(buffer, exports.sumsAddress(), 4);
  return {
    u: new Float32Array(buffer, exports.imageAddress(), (height + 2) * (width + 2) * 4),
    begin: (weight) => exports.begin(weight),
    sweep: (isotropic) => {
      exports.sweep(isotropic ? 1 : 0);
      return sums;
    },
  };
}
