import { samplingFactors } from './downsample.js';
import { kernelTable } from './kernel-tables.js';
import { loadKernel, type KernelExports } from './load-kernel.js';
import { checkPatchQualities, type PatchQualities } from './patch-qualities.js';
import { quantisationTables } from './quantisation.js';
import * as reference from './reference.js';
import { keep } from './result-memory.js';
import { channelsOf, checkQuality, type CodecSettings, type Samples } from './settings.js';

/*
 * The codec at speed: the WebAssembly kernel where it can be had, else the plain TypeScript one, with the same pixels.
 */

/** Memory beyond this is given back after the image that needed it. */
const KEPT_BYTES = 256 * 2 ** 20;

interface Kernel {
  readonly exports: KernelExports;
  /** Quantisation tables that are in its memory already. */
  readonly tables: Set<number>;
}

let kernel: Kernel | undefined;

/** What baseline JPEG leaves of an image; see {@link reference.jpegRoundTrip}, whose pixels and errors these are. */
export function jpegRoundTrip(image: Samples, quality: number, settings: CodecSettings): Samples {
  checkQuality(quality);
  return roundTrip(image, undefined, [quality], settings) ?? reference.jpegRoundTrip(image, quality, settings);
}

/**
 * Stochastic local quantization in one pass: one forward DCT, then each block is quantised and inverted at the qualities
 * of the patches that it shows in; see {@link reference.slqRoundTrip}, whose pixels and errors these are.
 */
export function slqRoundTrip(image: Samples, patches: PatchQualities, settings: CodecSettings): Samples {
  return roundTrip(image, patches, patches.qualities, settings) ?? reference.slqRoundTrip(image, patches, settings);
}

/** Which of the two does the work here. */
export function codecKind(): 'wasm-simd' | 'typescript' {
  return open() ? 'wasm-simd' : 'typescript';
}

function open(): Kernel | undefined {
  if (!kernel) {
    const exports = loadKernel();
    if (exports) kernel = { exports, tables: new Set() };
  }
  return kernel;
}

/** Undefined where the kernel is not to be had, or does not fit the image. */
function roundTrip(
  image: Samples,
  patches: PatchQualities | undefined,
  qualities: readonly number[],
  { subsampling, idct }: CodecSettings,
): Samples | undefined {
  const { height, width } = image;
  const grey = channelsOf(image) === 1;
  const grid = patches ? checkPatchQualities(patches, height, width) : { rows: 1, columns: 1 };
  // libjpeg's filter for two chroma columns or fewer is another one, and not worth a kernel.
  if (width <= 4 && !grey) return undefined;
  const opened = open();
  if (!opened) return undefined;
  const { exports, tables } = opened;
  const { down, across } = samplingFactors(subsampling);
  const patch = patches?.patch ?? 65535;
  const shift = (offset: number) => (patch - offset) % patch;
  const fits = exports.layOut(
    height,
    width,
    grey ? 1 : 0,
    down - 1,
    across - 1,
    patch,
    patches ? shift(patches.offset.y) : 0,
    patches ? shift(patches.offset.x) : 0,
    grid.rows,
    grid.columns,
    qualities.length,
  );
  if (!fits) return undefined;
  const { buffer } = exports.memory;
  const index = new Int32Array(buffer, exports.tableIndexAddress(), qualities.length);
  qualities.forEach((quality, i) => {
    const at = 4 * (quality - 1) + (idct === 'ifast' ? 2 : 0);
    index[i] = at;
    if (tables.has(at)) return;
    const { luma, chroma } = quantisationTables(quality);
    new Int16Array(buffer, exports.tableAddress(at), 256).set(kernelTable(luma, idct));
    new Int16Array(buffer, exports.tableAddress(at + 1), 256).set(kernelTable(chroma, idct));
    tables.add(at);
  });
  const pixels = new Uint8Array(buffer, exports.imageAddress(), image.data.length);
  pixels.set(image.data);
  if (patches) new Uint8Array(buffer, exports.choiceAddress(), patches.choice.length).set(patches.choice);
  exports.run(idct === 'ifast' ? 1 : 0);
  const data = keep(pixels);
  if (buffer.byteLength > KEPT_BYTES) kernel = undefined;
  return { data, height, width };
}
