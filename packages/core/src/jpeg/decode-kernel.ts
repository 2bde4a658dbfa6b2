import { compiledKernel } from '../webassembly/compiled-kernel.js';
import { coloursOf } from './colours.js';
import type { Component } from './component.js';
import { dequantisers, type InverseDct } from './inverse-dct.js';
import { decodeScan } from './decode-scan.js';
import type { Allocate, FrameMemory, JpegFile } from './read-jpeg.js';
import { KernelScans, type KnownTables, type ScanExports } from './scan-kernel.js';
import { isSmoothed } from './upsample.js';

/** What assembly/jpeg/decode.ts exports. Addresses are bytes into `memory`. */
interface KernelExports extends ScanExports {
  room(bytes: number): number;
  blocks(
    coefficients: number,
    count: number,
    table: number,
    to: number,
    stride: number,
    scratch: number,
    fast: number,
  ): void;
  closeEdges(plane: number, rows: number, width: number, stride: number): void;
  rgbRow(
    luma: number,
    blue: number,
    red: number,
    farther: number,
    to: number,
    width: number,
    down: number,
    across: number,
    below: number,
  ): void;
  greyRow(luma: number, to: number, width: number): void;
}

const load = compiledKernel<KernelExports>(new URL('../../dist/jpeg/decode.wasm', import.meta.url));

/** Memory beyond this is given back after the image that needed it. */
const KEPT_BYTES = 64 * 2 ** 20;
/** Before each row of a plane, and behind it. */
const MARGIN = 16;
const TABLE_BYTES = 128;
const SCRATCH_BYTES = 128;

/** Where the parts of one component stand. */
interface Place {
  readonly coefficients: number;
  readonly table: number;
  /** The first sample of the first row. */
  readonly plane: number;
  readonly stride: number;
}

let exports: KernelExports | undefined;
let tables: KnownTables = [];

/** The coefficients and pixels of one file at a time, in WebAssembly. */
export class KernelDecoder {
  #places: readonly Place[] = [];
  #scratch = 0;
  #out = 0;

  private constructor(private readonly kernel: KernelExports) {}

  /** Undefined where the kernel was not built, or the machine has none. */
  static open(): KernelDecoder | undefined {
    if (!exports) [exports, tables] = [load(), []];
    return exports && new KernelDecoder(exports);
  }

  /** Undefined where the image is too large, or of a kind that the kernel has no pixels for. */
  allocate(...[frame, { components }, fileBytes]: Parameters<Allocate>): FrameMemory | undefined {
    if (!hasKernel(components)) return undefined;
    let bytes = 0;
    const take = (count: number) => {
      const at = bytes;
      bytes += Math.ceil(count / 64) * 64;
      return at;
    };
    const scans = take(KernelScans.bytes(fileBytes));
    const places = components.map(({ rows, columns, unitRows, unitColumns }) => {
      const stride = 8 * columns + 2 * MARGIN;
      return {
        coefficients: take(128 * unitRows * unitColumns),
        table: take(TABLE_BYTES),
        plane: take(stride * 8 * rows + 64) + MARGIN,
        stride,
      };
    });
    const scratch = take(SCRATCH_BYTES);
    const out = take(3 * frame.height * frame.width + 64);
    const start = this.kernel.room(bytes);
    if (start === 0) return undefined;
    this.#places = places.map(({ coefficients, table, plane, stride }) => ({
      coefficients: start + coefficients,
      table: start + table,
      plane: start + plane,
      stride,
    }));
    this.#scratch = start + scratch;
    this.#out = start + out;
    const { buffer } = this.kernel.memory;
    const coefficients = components.map(({ unitRows, unitColumns }, i) =>
      new Int16Array(buffer, this.#places[i]!.coefficients, 64 * unitRows * unitColumns).fill(0),
    );
    const addresses = this.#places.map((place) => place.coefficients);
    const decoder = new KernelScans(this.kernel, start + scans, tables, addresses, fileBytes);
    const decode: typeof decodeScan = frame.progressive ? decodeScan : (...scan) => decoder.decode(...scan);
    return { coefficients, scanData: decoder.data, decode };
  }

  /** Interleaved RGB; undefined where the colours are none that the kernel knows. */
  pixels(file: JpegFile, idct: InverseDct): Uint8Array | undefined {
    const colours = coloursOf(file);
    const known = this.#places.length > 0 && (colours === 'grey' || colours === 'ycc');
    if (known) {
      file.components.forEach((component, i) => this.#transform(component, this.#places[i]!, file.steps[i]!, idct));
      if (colours === 'grey') this.#writeGrey(file);
      else this.#writeRgb(file);
    }
    const { buffer } = this.kernel.memory;
    const { height, width } = file.frame;
    const pixels = known ? new Uint8Array(buffer, this.#out, 3 * height * width).slice() : undefined;
    if (buffer.byteLength > KEPT_BYTES) exports = undefined;
    return pixels;
  }

  #transform(component: Component, place: Place, steps: Uint16Array, idct: InverseDct): void {
    const { kernel } = this;
    const { rows, columns, width, unitColumns } = component;
    const { coefficients, table, plane, stride } = place;
    new Int16Array(kernel.memory.buffer, table, 64).set(dequantisers(steps, idct));
    const fast = idct === 'ifast' ? 1 : 0;
    for (let row = 0; row < rows; row++) {
      const from = coefficients + 128 * row * unitColumns;
      kernel.blocks(from, columns, table, plane + 8 * row * stride, stride, this.#scratch, fast);
    }
    kernel.closeEdges(plane, 8 * rows, width, stride);
  }

  #writeRgb({ frame: { height, width }, components }: JpegFile): void {
    const [luma, blue, red] = this.#places as [Place, Place, Place];
    const [, { height: chromaRows }] = components as [Component, Component];
    const { down, across } = factors(components);
    for (let y = 0; y < height; y++) {
      const near = down === 2 ? y >> 1 : y;
      const below = down === 2 && (y & 1) === 1;
      const far = down === 2 ? Math.min(Math.max(below ? near + 1 : near - 1, 0), chromaRows - 1) : near;
      this.kernel.rgbRow(
        luma.plane + y * luma.stride,
        blue.plane + near * blue.stride,
        red.plane + near * red.stride,
        (far - near) * blue.stride,
        this.#out + 3 * y * width,
        width,
        down - 1,
        across - 1,
        below ? 1 : 0,
      );
    }
  }

  #writeGrey({ frame: { height, width } }: JpegFile): void {
    const [{ plane, stride }] = this.#places as [Place];
    for (let y = 0; y < height; y++) this.kernel.greyRow(plane + y * stride, this.#out + 3 * y * width, width);
  }
}

/** What chroma is halved by, where luma is not. */
function factors(components: readonly Component[]): { readonly down: number; readonly across: number } {
  const [luma, chroma] = components as [Component, Component];
  return { down: luma.down / chroma.down, across: luma.across / chroma.across };
}

/** Grey, or luma with both chroma components of one sampling: full, or halved and smoothed. */
function hasKernel(components: readonly Component[]): boolean {
  if (components.length === 1) return true;
  const [luma, blue, red] = components as [Component, Component, Component | undefined];
  if (components.length !== 3 || blue.down !== red!.down || blue.across !== red!.across) return false;
  const { down, across } = factors(components);
  return (down === 1 && across === 1) || isSmoothed(luma.width, { down, across });
}
