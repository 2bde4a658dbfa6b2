import { readFileSync } from 'node:fs';

/** What assembly/kernel.ts exports. Addresses are bytes into `memory`. */
export interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer };
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

/** What is used of the engine's WebAssembly, which the types of Node 20 leave out. */
interface Engine {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

const { WebAssembly: engine } = globalThis as unknown as { readonly WebAssembly: Engine };

/** Where the build puts the compiled kernel; the same seen from src and from dist. */
export const KERNEL_FILE = new URL('../../dist/jpeg-kernel/kernel.wasm', import.meta.url);

let compiled: object | undefined | null;

/** A fresh kernel, or undefined where it was not built or this machine's WebAssembly has no SIMD. */
export function loadKernel(): KernelExports | undefined {
  if (compiled === undefined) {
    try {
      compiled = new engine.Module(readFileSync(KERNEL_FILE));
    } catch {
      compiled = null;
    }
  }
  return compiled ? (new engine.Instance(compiled).exports as KernelExports) : undefined;
}
