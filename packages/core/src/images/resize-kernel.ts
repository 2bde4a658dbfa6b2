import { compiledKernel, type KernelMemory } from '../webassembly/compiled-kernel.js';
import type { ByteImage, Image } from '../plugin/contracts.js';
import type { Taps } from './resample-filters.js';
import type { Passes } from './resize-bytes.js';
import { placesTf1, type Places } from './resize-tf1.js';

/** What assembly/resize.ts exports. Addresses are bytes into `memory`. */
interface KernelExports extends KernelMemory {
  room(bytes: number): number;
  across(
    source: number,
    from: number,
    rows: number,
    out: number,
    to: number,
    size: number,
    bounds: number,
    fixed: number,
  ): void;
  down(source: number, row: number, out: number, to: number, size: number, bounds: number, fixed: number): void;
  floats(source: number, out: number, count: number): void;
  corners(
    source: number,
    bytes: number,
    from: number,
    out: number,
    height: number,
    width: number,
    rows: number,
    columns: number,
    lines: number,
  ): void;
}

const open = compiledKernel<KernelExports>(new URL('../../dist/images/resize.wasm', import.meta.url));

/** Images that need more are left to TypeScript: WebAssembly never gives memory back. */
const MOST_BYTES = 64 * 2 ** 20;

/** What the kernel may read and write beyond an image's end, and what keeps each part on a multiple of 16. */
const beyond = (bytes: number): number => (bytes + 16 + 15) & ~15;

let kernel: KernelExports | undefined;

/** Where the result is to stand as floats: k / 255 in float32, from `start` on. */
export interface FloatPlace {
  readonly into: Float32Array;
  readonly start: number;
}

/**
 * Both passes over bytes in WebAssembly with SIMD, or undefined where it was not built, the machine has none, or the
 * image is too large for it.
 */
export function kernelResize(image: ByteImage, height: number, width: number, passes: Passes): Uint8Array | undefined {
  const result = run(image, height, width, passes, 0);
  return result && new Uint8Array(kernel!.memory.buffer, result.at, height * width * 3).slice();
}

/** {@link kernelResize} with the result put there as floats; false, and nothing done, where that gives undefined. */
export function kernelResizeFloats(
  image: ByteImage,
  height: number,
  width: number,
  passes: Passes,
  { into, start }: FloatPlace,
): boolean {
  const samples = height * width * 3;
  const result = run(image, height, width, passes, 4 * beyond(samples));
  if (!result) return false;
  kernel!.floats(result.at, result.free, samples);
  into.set(new Float32Array(kernel!.memory.buffer, result.free, samples), start);
  return true;
}

/** What resizeTf1 gives, put there as {@link kernelResizeFloats} does. */
export function kernelResizeTf1(image: Image, height: number, width: number, { into, start }: FloatPlace): boolean {
  kernel ??= open();
  if (!kernel) return false;
  const { data } = image;
  const bytes = data instanceof Uint8Array;
  const samples = height * width * 3;
  const lines = 2 * beyond(12 * width) + beyond(12 * image.width) + 64;
  const lengths = [data.byteLength, 4 * samples, 12 * height, 12 * width, lines] as const;
  const total = lengths.reduce<number>((sum, length) => sum + beyond(length), 0);
  const source = total > MOST_BYTES ? 0 : kernel.room(total);
  if (source === 0) return false;
  const out = source + beyond(lengths[0]);
  const rows = out + beyond(lengths[1]);
  const columns = rows + beyond(lengths[2]);
  const linesAt = columns + beyond(lengths[3]);
  const { buffer } = kernel.memory;
  if (bytes) new Uint8Array(buffer, source, data.length).set(data);
  else new Float32Array(buffer, source, data.length).set(data);
  putPlaces(buffer, rows, placesTf1(image.height, height), 1);
  putPlaces(buffer, columns, placesTf1(image.width, width), 12);
  kernel.corners(source, bytes ? 1 : 0, image.width, out, height, width, rows, columns, linesAt);
  into.set(new Float32Array(buffer, out, samples), start);
  return true;
}

function putPlaces(buffer: ArrayBuffer, at: number, { low, high, part }: Places, unit: number): void {
  const whole = new Int32Array(buffer, at, 3 * low.length);
  const parts = new Float32Array(buffer, at, 3 * low.length);
  for (let i = 0; i < low.length; i++) {
    whole[3 * i] = unit * low[i]!;
    whole[3 * i + 1] = unit * high[i]!;
    parts[3 * i + 2] = part[i]!;
  }
}

/**
 * @param free bytes that are kept free
 * @returns where the result and the free bytes stand in the kernel's memory until the next call
 */
function run(
  image: ByteImage,
  height: number,
  width: number,
  passes: Passes,
  free: number,
): { readonly at: number; readonly free: number } | undefined {
  const { first, across, down } = passes;
  kernel ??= open();
  if (!kernel) return undefined;
  const { room, memory } = kernel;
  const [midHeight, midWidth] = first === 'down' ? [height, image.width] : [image.height, width];
  const lengths = [image.data.length, midHeight * midWidth * 3, height * width * 3];
  const total = lengths.reduce((sum, bytes) => sum + beyond(bytes), free) + tapBytes(across) + tapBytes(down);
  if (total > MOST_BYTES) return undefined;
  const source = room(total);
  if (source === 0) return undefined;
  const { buffer } = memory;
  const mid = source + beyond(lengths[0]!);
  const out = mid + beyond(lengths[1]!);
  const acrossAt = out + beyond(lengths[2]!);
  const downAt = acrossAt + tapBytes(across);
  new Uint8Array(buffer, source, image.data.length).set(image.data);
  const acrossTaps = putTaps(buffer, acrossAt, across);
  const downTaps = putTaps(buffer, downAt, down);
  const wide = (from: number, rows: number, to: number) => {
    if (!acrossTaps) return from;
    kernel!.across(from, image.width, rows, to, width, ...acrossTaps);
    return to;
  };
  const high = (from: number, columns: number, to: number) => {
    if (!downTaps) return from;
    kernel!.down(from, columns * 3, to, height, ...downTaps);
    return to;
  };
  const at =
    first === 'down'
      ? wide(high(source, image.width, mid), height, out)
      : high(wide(source, image.height, mid), width, out);
  return { at, free: downAt + tapBytes(down) };
}

function tapBytes(taps: Taps | undefined): number {
  return taps ? beyond(taps.bounds.byteLength) + beyond(taps.fixed.byteLength) : 0;
}

/** Copies the taps in; gives the stride of the weights, and where bounds and weights stand. */
function putTaps(buffer: ArrayBuffer, at: number, taps: Taps | undefined): [number, number, number] | undefined {
  if (!taps) return undefined;
  const { size, bounds, fixed } = taps;
  const weights = at + beyond(bounds.byteLength);
  new Int32Array(buffer, at, bounds.length).set(bounds);
  new Int32Array(buffer, weights, fixed.length).set(fixed);
  return [size, at, weights];
}
