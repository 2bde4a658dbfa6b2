import { readFileSync } from 'node:fs';
import type { Sweeper } from './sweeper.js';

/** What assembly/split-bregman.ts exports. Addresses are bytes into `memory`. */
interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  layOut(height: number, width: number): number;
  imageAddress(): number;
  sumsAddress(): number;
  begin(weight: number): void;
  sweep(isotropic: number): void;
}

/** What is used of the engine's WebAssembly, which the types of Node 20 leave out. */
interface Engine {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

const { WebAssembly: engine } = globalThis as unknown as { readonly WebAssembly: Engine };

/** Where the build puts the compiled kernel; the same seen from src and from dist. */
const KERNEL_FILE = new URL('../../dist/split-bregman/kernel.wasm', import.meta.url);

/** Memory beyond this is given back after the image that needed it. */
const KEPT_BYTES = 64 * 2 ** 20;

let module: object | undefined | null;
let instance: KernelExports | undefined;

/**
 * The sweeps in WebAssembly with SIMD, or undefined where it was not built, the machine has none, or its memory does not
 * hold the image. There is one at a time: what was gained by an earlier call is no longer valid.
 */
export function kernelSweeper(height: number, width: number): Sweeper | undefined {
  if (module === undefined) {
    try {
      module = new engine.Module(readFileSync(KERNEL_FILE));
    } catch {
      module = null;
    }
  }
  if (!module) return undefined;
  if (!instance || instance.memory.buffer.byteLength > KEPT_BYTES)
    instance = new engine.Instance(module).exports as KernelExports;
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
