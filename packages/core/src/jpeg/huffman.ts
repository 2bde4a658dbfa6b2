/** Codes of up to so many bits are found in one look. */
export const LOOK = 10;

/** What an end of block adds to a place within it. */
export const END_OF_BLOCK = 128;

/** A Huffman table of ITU-T T.81, C.2, made for looking codes up. Each look is at the next 32 bits, the first one highest. */
export class HuffmanTable {
  /** By the next LOOK bits: length << 8 | symbol, or 0 where the code is longer. */
  readonly symbols = new Uint16Array(1 << LOOK);
  /**
   * By the next LOOK bits, of AC coefficients: value << 16 | places to go on << 8 | bits of code and value, or 0 where these
   * are more than LOOK. Of an end of block the value is 0 and the places are END_OF_BLOCK.
   */
  readonly coefficients = new Int32Array(1 << LOOK);
  /** Of each length: the first code beyond those of it, and what leads from a code to its symbol. */
  readonly #beyond = new Int32Array(17);
  readonly #offset = new Int32Array(17);
  readonly #values: Uint8Array;

  /** @param codes how many codes there are of each length from 1 to 16, and then their symbols; held to be right */
  constructor(codes: Uint8Array) {
    this.#values = codes.subarray(16);
    let code = 0;
    let index = 0;
    for (let length = 1; length <= 16; length++) {
      this.#offset[length] = index - code;
      for (let i = codes[length - 1]!; i > 0; i--, code++, index++) {
        if (length > LOOK) continue;
        const rest = LOOK - length;
        const entry = (length << 8) | this.#values[index]!;
        this.symbols.fill(entry, code << rest, (code + 1) << rest);
      }
      this.#beyond[length] = code;
      code <<= 1;
    }
    for (let bits = 0; bits < 1 << LOOK; bits++) this.coefficients[bits] = coefficient(bits, this.symbols[bits]!);
  }

  /** length << 8 | symbol of a code, or 0 where the bits begin none. */
  entry(bits: number): number {
    const short = this.symbols[bits >>> (32 - LOOK)]!;
    if (short !== 0) return short;
    for (let length = LOOK + 1; length <= 16; length++) {
      const code = bits >>> (32 - length);
      if (code < this.#beyond[length]!) return (length << 8) | this.#values[code + this.#offset[length]!]!;
    }
    return 0;
  }
}

/** A number of `size` bits as T.81 codes it (F.2.2.1): below half of what they hold it is negative. */
export function extended(bits: number, size: number): number {
  return bits < 1 << (size - 1) ? bits - (1 << size) + 1 : bits;
}

function coefficient(bits: number, entry: number): number {
  const [length, run, size] = [entry >> 8, (entry >> 4) & 15, entry & 15];
  if (length === 0 || length + size > LOOK) return 0;
  if (size === 0) return ((run === 15 ? 16 : END_OF_BLOCK) << 8) | length;
  const value = extended((bits >> (LOOK - length - size)) & ((1 << size) - 1), size);
  return (value << 16) | ((run + 1) << 8) | (length + size);
}
