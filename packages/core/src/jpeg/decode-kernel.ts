import { compiledKernel } from '../webassembly/compiled-kernel.js';
import { coloursOf, componentsToRgb } from './colours.js';
import type { Component } from './component.js';
import { decodeScan } from './decode-scan.js';
import { dequantisers, type InverseDct } from './inverse-dct.js';
import type { Plane } from './plane.js';
import type { Allocate, FrameMemory, JpegFile } from './read-jpeg.js';
import { KernelScans, type KnownTables, type PlanePlace, type ScanExports } from './scan-kernel.js';
import { isSmoothed } from './upsample.js';

/** What assembly/jpeg/decode.ts exports. Addresses are bytes into `memory`. */
interface KernelExports extends ScanExports {
  room(bytes: number): number;
  blocks(coefficients: number, count: number, table: number, to: number, stride: number, fast: number): void;
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

/** Where the parts of one component stand. */
interface Place extends PlanePlace {
  /** Of a progressive file, whose scans bring them bit by bit. */
  readonly coefficients: number;
}

let exports: KernelExports | undefined;
let tables: KnownTables = [];

/** The samples and pixels of one file at a time, in WebAssembly. */
export class KernelDecoder {
  #places: readonly Place[] = [];
  #out = 0;

  private constructor(
    private readonly kernel: KernelExports,
    private readonly idct: InverseDct,
  ) {}

  /** Undefined where the kernel was not built, or the machine has none. */
  static open(idct: InverseDct): KernelDecoder | undefined {
    if (!exports) [exports, tables] = [load(), []];
    return exports && new KernelDecoder(exports, idct);
  }

  /** Undefined where the image is too large. */
  allocate(...[frame, { components }, fileBytes]: Parameters<Allocate>): FrameMemory | undefined {
    const { kernel } = this;
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
        coefficients: frame.progressive ? take(128 * unitRows * unitColumns) : 0,
        table: take(TABLE_BYTES),
        plane: take(stride * 8 * rows + 64) + MARGIN,
        stride,
      };
    });
    const out = take(3 * frame.height * frame.width + 64);
    const start = kernel.room(bytes);
    if (start === 0) return undefined;
    this.#places = places.map(({ coefficients, table, plane, stride }) => ({
      coefficients: start + coefficients,
      table: start + table,
      plane: start + plane,
      stride,
    }));
    this.#out = start + out;
    const decoder = new KernelScans(kernel, start + scans, tables, this.#places, frame, this.idct, fileBytes);
    if (!frame.progressive)
      return { coefficients: [], scanData: decoder.data, decode: (...scan) => decoder.decode(...scan) };
    const coefficients = components.map(({ unitRows, unitColumns }, i) =>
      new Int16Array(kernel.memory.buffer, this.#places[i]!.coefficients, 64 * unitRows * unitColumns).fill(0),
    );
    return { coefficients, scanData: decoder.data, decode: decodeScan };
  }

  /** Interleaved RGB; undefined where there was no memory. */
  pixels(file: JpegFile): Uint8Array | undefined {
    if (this.#places.length === 0) return undefined;
    if (file.progressive)
      file.components.forEach((component, i) => this.#transform(component, this.#places[i]!, file.steps[i]!));
    const pixels = this.#rgb(file);
    if (this.kernel.memory.buffer.byteLength > KEPT_BYTES) exports = undefined;
    return pixels;
  }

  #transform({ rows, columns, unitColumns }: Component, place: Place, steps: Uint16Array): void {
    const { kernel, idct } = this;
    const { coefficients, table, plane, stride } = place;
    new Int16Array(kernel.memory.buffer, table, 64).set(dequantisers(steps, idct));
    for (let row = 0; row < rows; row++) {
      const from = coefficients + 128 * row * unitColumns;
      kernel.blocks(from, columns, table, plane + 8 * row * stride, stride, idct === 'ifast' ? 1 : 0);
    }
  }

  #rgb(file: JpegFile): Uint8Array {
    const { frame, components } = file;
    const { height, width } = frame;
    const colours = coloursOf(file);
    if (colours === 'grey') this.#writeGrey(file);
    else if (colours === 'ycc' && hasKernel(components)) this.#writeRgb(file);
    else
      return componentsToRgb(
        file,
        components.map((component, i) => this.#plane(component, this.#places[i]!)),
      );
    return new Uint8Array(this.kernel.memory.buffer, this.#out, 3 * height * width).slice();
  }

  #writeRgb({ frame: { height, width }, components }: JpegFile): void {
    const [luma, blue, red] = this.#places as [Place, Place, Place];
    const [, { height: chromaRows }] = components as [Component, Component];
    const { down, across } = factors(components);
    components.forEach((component, i) => {
      const { plane, stride } = this.#places[i]!;
      this.kernel.closeEdges(plane, 8 * component.rows, component.width, stride);
    });
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

  /** A component's samples as they are outside of the kernel. */
  #plane({ rows, columns }: Component, { plane, stride }: Place): Plane {
    const [height, width] = [8 * rows, 8 * columns];
    const samples = new Int8Array(this.kernel.memory.buffer, plane, height * stride);
    const data = new Uint8Array(height * width);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) data[y * width + x] = samples[y * stride + x]! + 128;
    return { data, height, width };
  }
}

/** What chroma is halved by, where luma is not. */
function factors(components: readonly Component[]): { readonly down: number; readonly across: number } {
  const [luma, chroma] = components as [Component, Component];
  return { down: luma.down / chroma.down, across: luma.across / chroma.across };
}

/** Luma with both chroma components of one sampling: full, or halved and smoothed. */
function hasKernel(components: readonly Component[]): boolean {
  const [luma, blue, red] = components as [Component, Component, Component];
  if (blue.down !== red.down || blue.across !== red.across) return false;
  const { down, across } = factors(components);
  return (down === 1 && across === 1) || isSmoothed(luma.width, { down, across });
}
