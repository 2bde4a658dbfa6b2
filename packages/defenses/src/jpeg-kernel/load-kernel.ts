import { compiledKernel, type KernelMemory } from '@shield/core';

/** What assembly/kernel.ts exports. Addresses are bytes into `memory`. */
export interface KernelExports extends KernelMemory {
  layOut(
    height: number,
    width: number,
    grey: number,
    downShift: number,
    acrossShift: number,
    patch: number,
    patchShiftY: number,
    patchShiftX: number,
    patchRows: number,
    patchColumns: number,
    qualities: number,
  ): number;
  imageAddress(): number;
  choiceAddress(): number;
  tableIndexAddress(): number;
  tableAddress(index: number): number;
  run(fast: number): void;
}

/** Where the build puts the compiled kernel; the same seen from src and from dist. */
const KERNEL_FILE = new URL('../../dist/jpeg-kernel/kernel.wasm', import.meta.url);

/** A fresh kernel, or undefined where it was not built or this machine's WebAssembly has no SIMD. */
export const loadKernel = compiledKernel<KernelExports>(KERNEL_FILE);
