/*
 * What stands in the segments of a JPEG file before its scans (ITU-T T.81, B.2), held to what libjpeg holds it to. All
 * take a segment's content without marker and length, and say whether it is as it should be.
 */

/** A frame as its header has it. */
export interface JpegFrame {
  readonly height: number;
  readonly width: number;
  /** 1 grey, 3 colours, 4 inks. */
  readonly components: number;
  readonly progressive: boolean;
  /** Quantization table by the name of a component. */
  readonly table: ReadonlyMap<number, number>;
}

const PROGRESSIVE = 0xc2;
const BLOCK = 64;

/** SOF0 to SOF2; undefined for what decoders of photos do not know. */
export function readFrame(marker: number, content: Buffer): JpegFrame | undefined {
  const [precision, components] = [content[0], content[5]];
  if (precision !== 8 || components === undefined || content.length !== 6 + 3 * components) return undefined;
  const [height, width] = [content.readUInt16BE(1), content.readUInt16BE(3)];
  if (height === 0 || width === 0) return undefined;
  const table = new Map<number, number>();
  const sides: number[][] = [[], []];
  for (let at = 6; at < content.length; at += 3) {
    const [name, sampling, number] = [content[at]!, content[at + 1]!, content[at + 2]!];
    const fits = (side: number) => side >= 1 && side <= 4;
    if (table.has(name) || !fits(sampling >> 4) || !fits(sampling & 15) || number > 3) return undefined;
    table.set(name, number);
    sides[0]!.push(sampling >> 4);
    sides[1]!.push(sampling & 15);
  }
  // libjpeg takes no fractions: each component's sampling divides the finest.
  if (sides.some((all) => all.some((side) => Math.max(...all) % side !== 0))) return undefined;
  return { height, width, components, progressive: marker === PROGRESSIVE, table };
}

/** The tables that a scan may refer to: those that came before it. */
export class JpegTables {
  readonly #quantization = new Set<number>();
  /** DC tables by their number, AC tables by theirs plus 16, as the file has it. */
  readonly #huffman = new Set<number>();
  /** Of progressive files, by component and coefficient: the lowest bit that has come. */
  readonly #bits = new Map<number, number[]>();
  #interval = 0;

  /** Whether restart markers may stand in a scan. */
  get restarting(): boolean {
    return this.#interval > 0;
  }

  /** DQT */
  quantization(content: Buffer): boolean {
    let at = 0;
    while (at < content.length) {
      const [wide, number] = [content[at]! >> 4, content[at]! & 15];
      if (wide > 1 || number > 3) return false;
      this.#quantization.add(number);
      at += 1 + BLOCK * (1 + wide);
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
      this.#huffman.add(content[at]!);
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

  /** SOS */
  scan(content: Buffer, frame: JpegFrame): boolean {
    const components = content[0] ?? 0;
    if (components < 1 || components > 4 || content.length !== 4 + 2 * components) return false;
    const [first, last, bits] = [...content.subarray(-3)] as [number, number, number];
    if (!(frame.progressive ? isPass(first, last, bits, components) : first === 0 && last === BLOCK - 1 && bits === 0))
      return false;
    const named = new Set<number>();
    for (let at = 1; at <= 2 * components; at += 2) {
      const [name, tables] = [content[at]!, content[at + 1]!];
      const quantization = frame.table.get(name);
      if (quantization === undefined || named.has(name) || !this.#quantization.has(quantization)) return false;
      named.add(name);
      if (frame.progressive && !this.#goesOn(name, first, last, bits)) return false;
      // A progressive scan has DC or AC coefficients; of the DC ones only the first bits are coded.
      const [dc, ac] = frame.progressive ? [first === 0 && bits >> 4 === 0, first > 0] : [true, true];
      if (dc && !this.#huffman.has(tables >> 4)) return false;
      if (ac && !this.#huffman.has(16 + (tables & 15))) return false;
    }
    return true;
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
