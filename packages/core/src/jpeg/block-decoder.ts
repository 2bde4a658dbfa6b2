import { extended, END_OF_BLOCK, LOOK, type HuffmanTable } from './huffman.js';
import type { ScanData } from './scan-data.js';
import { NATURAL } from './zigzag.js';

/** One component in a scan. */
export interface ScanComponent {
  /** Its place in the frame. */
  readonly component: number;
  readonly dc: HuffmanTable | undefined;
  readonly ac: HuffmanTable | undefined;
}

/** Of a scan, where its bits are read, and what lasts from one block to the next. */
export abstract class BlockDecoder {
  protected readonly view: DataView;
  /** In bits. */
  protected position = 0;
  #part = 0;

  constructor(
    private readonly data: ScanData,
    /** The last DC coefficient of each component. */
    protected readonly last = new Int32Array(4),
  ) {
    const { bytes } = data;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Decodes what the scan has of a block into its 64 coefficients, row by row, from `at` on. */
  abstract block(coefficients: Int16Array, at: number, part: ScanComponent): void;

  /** Goes on behind the next restart marker. @throws Error where there is none */
  restart(): void {
    if (this.#part + 1 === this.data.ends.length) throw new Error(CUT_OFF);
    this.position = 8 * this.data.ends[this.#part++]!;
    this.last.fill(0);
  }

  /** @throws Error where more was read than there is, up to the next restart marker */
  check(): void {
    if (this.position > 8 * this.data.ends[this.#part]!) throw new Error(CUT_OFF);
  }

  /** The next bits, at least 25 of them right, the first one highest. */
  protected peek(position: number): number {
    return this.view.getInt32(position >>> 3) << (position & 7);
  }

  /** Reads the difference of a DC coefficient from the last one of its component; gives the coefficient. */
  protected dc({ component, dc }: ScanComponent): number {
    const entry = dc!.entry(this.peek(this.position));
    if (entry === 0) throw new Error(NO_CODE);
    const size = entry & 255;
    this.position += entry >> 8;
    if (size > 0) {
      this.last[component]! += extended(this.peek(this.position) >>> (32 - size), size);
      this.position += size;
    }
    return this.last[component]!;
  }
}

export const CUT_OFF = 'its data end before the image does';
export const NO_CODE = 'its data hold a code that is in no table';
export const TOO_LONG = 'a block has more coefficients than it can';

/** Blocks of baseline and extended sequential files (ITU-T T.81, F.2.2): DC and AC coefficients at once. */
export class SequentialDecoder extends BlockDecoder {
  block(coefficients: Int16Array, at: number, part: ScanComponent): void {
    coefficients[at] = this.dc(part);
    const { view } = this;
    const ac = part.ac!;
    const looked = ac.coefficients;
    let { position } = this;
    let k = 1;
    do {
      const bits = view.getInt32(position >>> 3) << (position & 7);
      const found = looked[bits >>> (32 - LOOK)]!;
      if (found !== 0) {
        k += (found >> 8) & 255;
        position += found & 255;
        // An end of block writes its zero over the last coefficient, which is zero still.
        coefficients[at + NATURAL[k - 1]!] = found >> 16;
        continue;
      }
      const entry = ac.entry(bits);
      if (entry === 0) throw new Error(NO_CODE);
      position += entry >> 8;
      const [run, size] = [(entry >> 4) & 15, entry & 15];
      if (size === 0) {
        k += run === 15 ? 16 : END_OF_BLOCK;
        continue;
      }
      k += run + 1;
      const value = (view.getInt32(position >>> 3) << (position & 7)) >>> (32 - size);
      position += size;
      coefficients[at + NATURAL[k - 1]!] = extended(value, size);
    } while (k < 64);
    if (k > 64 && k <= END_OF_BLOCK) throw new Error(TOO_LONG);
    this.position = position;
  }
}
