/*
 * What stands in the segments of a JPEG file before its scans (ITU-T T.81, B.2), held to what libjpeg holds it to. All
 * take a segment's content without marker and length, and say whether it is as it should be.
 */

import { NATURAL } from './zigzag.js';

/** A frame as its header has it. */
export interface JpegFrame {
  readonly height: number;
  readonly width: number;
  /** 1 grey, 3 colours, 4 inks. */
  readonly components: number;
  readonly progressive: boolean;
  readonly parts: readonly FrameComponent[];
}

export interface FrameComponent {
  /** A number that scans know it by. */
  readonly name: number;
  /** Blocks that it has in each of the frame's smallest units of all components. */
  readonly across: number;
  readonly down: number;
  /** The number of its quantization table. */
  readonly quantization: number;
}

/** A scan as its header has it. */
export interface JpegScan {
  readonly parts: readonly {
    /** Its place in the frame. */
    readonly component: number;
    /** Numbers of its Huffman tables. */
    readonly dc: number;
    readonly ac: number;
  }[];
  /** The coefficients that it brings, in zigzag order, and their bits: from `before` (0: all above) down to `now`. */
  readonly first: number;
  readonly last: number;
  readonly before: number;
  readonly now: number;
}

const PROGRESSIVE = 0xc2;
const BLOCK = 64;
/** In one unit of a scan of several components (B.2.3). */
const MOST_BLOCKS = 10;

/** SOF0 to SOF2; undefined for what decoders of photos do not know. */
export function readFrame(marker: number, content: Buffer): JpegFrame | undefined {
  const [precision, components] = [content[0], content[5]];
  if (precision !== 8 || components === undefined || content.length !== 6 + 3 * components) return undefined;
  const [height, width] = [content.readUInt16BE(1), content.readUInt16BE(3)];
  if (height === 0 || width === 0) return undefined;
  const parts: FrameComponent[] = [];
  for (let at = 6; at < content.length; at += 3) {
    const [name, sampling, quantization] = [content[at]!, content[at + 1]!, content[at + 2]!];
    const [across, down] = [sampling >> 4, sampling & 15];
    const fits = (side: number) => side >= 1 && side <= 4;
    if (parts.some((part) => part.name === name) || !fits(across) || !fits(down) || quantization > 3) return undefined;
    parts.push({ name, across, down, quantization });
  }
  // libjpeg takes no fractions: each component's sampling divides the finest.
  const divide = (sides: readonly number[]) => sides.every((side) => Math.max(...sides) % side === 0);
  if (!divide(parts.map(({ across }) => across)) || !divide(parts.map(({ down }) => down))) return undefined;
  return { height, width, components, progressive: marker === PROGRESSIVE, parts };
}

/** The tables that a scan may refer to: those that came before it. */
export class JpegTables {
  readonly #quantization = new Map<number, Buffer>();
  /** DC tables by their number, AC tables by theirs plus 16, as the file has it: what stands behind that number. */
  readonly #huffman = new Map<number, Buffer>();
  /** Of progressive files, by component and coefficient: the lowest bit that has come. */
  readonly #bits = new Map<number, number[]>();
  #interval = 0;

  /** Units between two restart markers in a scan; 0: there are none. */
  get interval(): number {
    return this.#interval;
  }

  /** The steps of quantization table `number`, row by row. */
  steps(number: number): Uint16Array {
    const content = this.#quantization.get(number)!;
    const wide = content.length > BLOCK;
    const steps = new Uint16Array(BLOCK);
    for (let i = 0; i < BLOCK; i++) steps[NATURAL[i]!] = wide ? content.readUInt16BE(2 * i) : content[i]!;
    return steps;
  }

  /** A Huffman table: how many codes there are of each length from 1 to 16, and then their symbols. */
  codes(kind: 'dc' | 'ac', number: number): Buffer {
    return this.#huffman.get((kind === 'dc' ? 0 : 16) + number)!;
  }

  /** DQT */
  quantization(content: Buffer): boolean {
    let at = 0;
    while (at < content.length) {
      const [wide, number] = [content[at]! >> 4, content[at]! & 15];
      if (wide > 1 || number > 3) return false;
      const end = at + 1 + BLOCK * (1 + wide);
      this.#quantization.set(number, content.subarray(at + 1, end));
      at = end;
    }
    return at === content.length;
  }

  /** DHT */
  huffman(content: Buffer): boolean {
    let at = 0;
    while (at + 17 <= content.length) {
      const [kind, number] = [content[at]! >> 4, content[at]! & 15];
      if (kind > 1 || number > 3) return false;
      // Codes of each length, counted on from those before: they must not run out (C.2).
      let [code, symbols] = [0, 0];
      for (let length = 1; length <= 16; length++) {
        const count = content[at + length]!;
        code += count;
        symbols += count;
        if (code > 1 << length) return false;
        code <<= 1;
      }
      const end = at + 17 + symbols;
      if (symbols > 256 || end > content.length) return false;
      // A DC symbol is a number of bits.
      if (kind === 0 && content.subarray(at + 17, end).some((symbol) => symbol > 15)) return false;
      this.#huffman.set(content[at]!, content.subarray(at + 1, end));
      at = end;
    }
    return at === content.length;
  }

  /** DRI */
  restarts(content: Buffer): boolean {
    if (content.length !== 2) return false;
    this.#interval = content.readUInt16BE(0);
    return true;
  }

  /** SOS; undefined where it is not as it should be. */
  scan(content: Buffer, frame: JpegFrame): JpegScan | undefined {
    const components = content[0] ?? 0;
    if (components < 1 || components > 4 || content.length !== 4 + 2 * components) return undefined;
    const [first, last, bits] = [...content.subarray(-3)] as [number, number, number];
    if (!(frame.progressive ? isPass(first, last, bits, components) : first === 0 && last === BLOCK - 1 && bits === 0))
      return undefined;
    const parts: JpegScan['parts'][number][] = [];
    let blocks = 0;
    for (let at = 1; at <= 2 * components; at += 2) {
      const [name, tables] = [content[at]!, content[at + 1]!];
      const component = frame.parts.findIndex((part) => part.name === name);
      const part = frame.parts[component];
      if (!part || parts.some((other) => other.component === component) || !this.#quantization.has(part.quantization))
        return undefined;
      if (frame.progressive && !this.#goesOn(name, first, last, bits)) return undefined;
      // A progressive scan has DC or AC coefficients; of the DC ones only the first bits are coded.
      const [dc, ac] = frame.progressive ? [first === 0 && bits >> 4 === 0, first > 0] : [true, true];
      if (dc && !this.#huffman.has(tables >> 4)) return undefined;
      if (ac && !this.#huffman.has(16 + (tables & 15))) return undefined;
      parts.push({ component, dc: tables >> 4, ac: tables & 15 });
      blocks += part.across * part.down;
    }
    if (components > 1 && blocks > MOST_BLOCKS) return undefined;
    return { parts, first, last, before: bits >> 4, now: bits & 15 };
  }

  /** Whether every bit of every coefficient of a component has come. */
  isComplete(name: number): boolean {
    const known = this.#bits.get(name) ?? [];
    return Array.from({ length: BLOCK }, (_, i) => known[i]).every((lowest) => lowest === 0);
  }

  /** Whether a progressive scan brings the bits below those that have come: DC first, each bit once. */
  #goesOn(name: number, first: number, last: number, bits: number): boolean {
    const known = this.#bits.get(name) ?? [];
    this.#bits.set(name, known);
    if (first > 0 && known[0] === undefined) return false;
    for (let i = first; i <= last; i++) {
      if ((known[i] ?? 0) !== bits >> 4) return false;
      known[i] = bits & 15;
    }
    return true;
  }
}

/** Whether a progressive file may have a scan over these coefficients and bits (G.1.1.1). */
function isPass(first: number, last: number, bits: number, components: number): boolean {
  const [before, now] = [bits >> 4, bits & 15];
  if (first === 0 ? last !== 0 : first > last || last >= BLOCK || components !== 1) return false;
  return now <= 13 && (before === 0 || before === now + 1);
}
