import { readFileSync } from 'node:fs';

/** What is used of the engine's WebAssembly, which the types of Node 20 leave out. */
interface Engine {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

/** What every kernel exports. Addresses that it gives and takes are bytes into this. */
export interface KernelMemory {
  readonly memory: { readonly buffer: ArrayBuffer };
}

const { WebAssembly: engine } = globalThis as unknown as { readonly WebAssembly: Engine };

/**
 * A kernel that `build-kernels.js` compiled from a package's `assembly/`. The file is read and compiled when the first
 * instance is asked for, once: an image more must not cost another try.
 *
 * @param file `new URL('../../dist/….wasm', import.meta.url)`, the same file seen from `src` and from `dist`; written out
 *   where the kernel is used, since that is how an artifact's key comes to hold it
 * @returns makes an instance with a memory of its own, or undefined where the kernel was not built or this machine's
 *   WebAssembly has no SIMD
 */
export function compiledKernel<Exports extends KernelMemory>(file: URL): () => Exports | undefined {
  let module: object | undefined | null;
  return () => {
    if (module === undefined) {
      try {
        module = new engine.Module(readFileSync(file));
      } catch {
        module = null;
      }
    }
    return module ? (new engine.Instance(module).exports as Exports) : undefined;
  };
}
