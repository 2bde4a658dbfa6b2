import type { KernelMemory } from '../webassembly/compiled-kernel.js';
import { CUT_OFF, NO_CODE, TOO_LONG } from './block-decoder.js';
import type { FrameBlocks } from './decode-scan.js';
import { scanBytes, type ScanData } from './scan-data.js';
import type { JpegScan, JpegTables } from './tables.js';
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
  ): number;
}

const OUTCOMES = [undefined, CUT_OFF, NO_CODE, TOO_LONG] as const;

/** The codes of the tables that are in a kernel's memory. */
export type KnownTables = (Buffer | undefined)[];

const TABLE_BYTES = 6656;
const PART_WORDS = 7;
const MOST_PARTS = 4;

/** Where a scan's parts of memory begin, from the first one on. */
const CODES = 256;
const PARTS = CODES + 16 + 256;
const TABLES = PARTS + 4 * PART_WORDS * MOST_PARTS;
const DATA = TABLES + 2 * MOST_PARTS * TABLE_BYTES;

/** The scans of a baseline or extended sequential file in WebAssembly, in memory that is the file's. */
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
   * @param coefficients where those of each component are
   */
  constructor(
    private readonly kernel: ScanExports,
    private readonly at: number,
    private readonly known: KnownTables,
    private readonly coefficients: readonly number[],
    fileBytes: number,
  ) {
    const { buffer } = kernel.memory;
    this.data = Buffer.from(buffer, at + DATA, scanBytes(fileBytes));
    new Uint8Array(buffer, at, NATURAL.length).set(NATURAL);
  }

  /** Does what decodeScan does. */
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
      const outcome = kernel.units(at + PARTS, parts, columns, first, many, at + DATA, start, end, at);
      if (outcome !== 0) throw new Error(OUTCOMES[outcome]);
    }
  }

  /** Lays the scan's components and tables out; gives its units. One component alone has a block in each. */
  #layOut(frame: FrameBlocks, { parts }: JpegScan, tables: JpegTables): { rows: number; columns: number } {
    const alone = parts.length === 1 ? frame.components[parts[0]!.component]! : undefined;
    const words = new Int32Array(this.kernel.memory.buffer, this.at + PARTS, PART_WORDS * parts.length);
    for (const [i, { component, dc, ac }] of parts.entries()) {
      const { down, across, unitColumns } = frame.components[component]!;
      const unit = alone ? [1, 1] : [down, across];
      words.set(
        [
          this.coefficients[component]!,
          unitColumns,
          ...unit,
          this.#table(dc, tables.codes('dc', dc)),
          this.#table(4 + ac, tables.codes('ac', ac)),
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
