import type { KernelMemory } from '../webassembly/compiled-kernel.js';
import { CUT_OFF, NO_CODE, TOO_LONG } from './block-decoder.js';
import type { FrameBlocks } from './decode-scan.js';
import { scanBytes, type ScanData } from './scan-data.js';
import { dequantisers, type InverseDct } from './inverse-dct.js';
import type { JpegFrame, JpegScan, JpegTables } from './tables.js';
import { NATURAL } from './zigzag.js';

/** What assembly/jpeg/sequential.ts and huffman-table.ts export. Addresses are bytes into `memory`. */
export interface ScanExports extends KernelMemory {
  huffmanTable(codes: number, at: number): void;
  turnWords(data: number, bytes: number): void;
  units(
    parts: number,
    number: number,
    unitColumns: number,
    first: number,
    count: number,
    data: number,
    start: number,
    end: number,
    natural: number,
    fast: number,
  ): number;
}

const OUTCOMES = [undefined, CUT_OFF, NO_CODE, TOO_LONG] as const;

/** Where a component's samples go. Addresses are bytes into the kernel's memory. */
export interface PlanePlace {
  /** 64 dequantisers. */
  readonly table: number;
  /** The first sample of the first row. */
  readonly plane: number;
  readonly stride: number;
}

/** The codes of the tables that are in a kernel's memory. */
export type KnownTables = (Buffer | undefined)[];

const TABLE_BYTES = 6656;
const PART_WORDS = 10;
const MOST_PARTS = 4;

/** Where a scan's parts of memory begin, from the first one on. */
const CODES = 256;
const PARTS = CODES + 16 + 256;
const TABLES = PARTS + 4 * PART_WORDS * MOST_PARTS;
const DATA = TABLES + 2 * MOST_PARTS * TABLE_BYTES;

/**
 * The scans of a baseline or extended sequential file in WebAssembly: each block has all its coefficients in one scan, and
 * becomes samples there and then.
 */
export class KernelScans {
  /** For the data of any scan, one at a time. */
  readonly data: Buffer;

  /** The memory it takes, in bytes. */
  static bytes(fileBytes: number): number {
    return DATA + scanBytes(fileBytes);
  }

  /**
   * @param at a multiple of 16, the same for all files
   * @param known what the files before left
   * @param places where the samples of each component go
   */
  constructor(
    private readonly kernel: ScanExports,
    private readonly at: number,
    private readonly known: KnownTables,
    private readonly places: readonly PlanePlace[],
    private readonly frame: JpegFrame,
    private readonly idct: InverseDct,
    fileBytes: number,
  ) {
    const { buffer } = kernel.memory;
    this.data = Buffer.from(buffer, at + DATA, scanBytes(fileBytes));
    new Uint8Array(buffer, at, NATURAL.length).set(NATURAL);
  }

  /** Does what decodeScan and the transform do. */
  decode(frame: FrameBlocks, scan: JpegScan, tables: JpegTables, data: ScanData): void {
    const { kernel, at } = this;
    const { rows, columns } = this.#layOut(frame, scan, tables);
    const count = rows * columns;
    const step = tables.interval > 0 ? tables.interval : count;
    kernel.turnWords(at + DATA, data.bytes.length);
    for (let first = 0, part = 0; first < count; first += step, part++) {
      const end = data.ends[part];
      if (end === undefined) throw new Error(CUT_OFF);
      const start = part === 0 ? 0 : data.ends[part - 1]!;
      const many = Math.min(step, count - first);
      const parts = scan.parts.length;
      const fast = this.idct === 'ifast' ? 1 : 0;
      const outcome = kernel.units(at + PARTS, parts, columns, first, many, at + DATA, start, end, at, fast);
      if (outcome !== 0) throw new Error(OUTCOMES[outcome]);
    }
  }

  /** Lays the scan's components and tables out; gives its units. One component alone has a block in each. */
  #layOut(frame: FrameBlocks, { parts }: JpegScan, tables: JpegTables): { rows: number; columns: number } {
    const alone = parts.length === 1 ? frame.components[parts[0]!.component]! : undefined;
    const words = new Int32Array(this.kernel.memory.buffer, this.at + PARTS, PART_WORDS * parts.length);
    for (const [i, { component, dc, ac }] of parts.entries()) {
      const { down, across, rows, columns } = frame.components[component]!;
      const { plane, stride, table } = this.places[component]!;
      const steps = tables.steps(this.frame.parts[component]!.quantization);
      new Int16Array(this.kernel.memory.buffer, table, 64).set(dequantisers(steps, this.idct));
      words.set(
        [
          plane,
          stride,
          rows,
          columns,
          alone ? 1 : down,
          alone ? 1 : across,
          this.#table(dc, tables.codes('dc', dc)),
          this.#table(4 + ac, tables.codes('ac', ac)),
          table,
          0,
        ],
        PART_WORDS * i,
      );
    }
    return alone ?? { rows: frame.unitRows, columns: frame.unitColumns };
  }

  /** Where the table of these codes is. Most files have the tables of the file before. */
  #table(place: number, codes: Buffer): number {
    const { kernel, at } = this;
    const table = at + TABLES + TABLE_BYTES * place;
    const known = this.known[place];
    if (known?.equals(codes)) return table;
    new Uint8Array(kernel.memory.buffer, at + CODES, codes.length).set(codes);
    kernel.huffmanTable(at + CODES, table);
    this.known[place] = Buffer.from(codes);
    return table;
  }
}
