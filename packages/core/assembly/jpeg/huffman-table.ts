/*
 * A Huffman table of a JPEG file as src/jpeg/huffman.ts has it, in memory: first what a look at the next LOOK bits gives of
 * AC coefficients, then what it gives of symbols, then what longer codes are found by.
 */

/** Codes of up to so many bits are found in one look. */
export const LOOK = 10;

/** What an end of block adds to a place within it. */
export const END_OF_BLOCK = 128;

const SYMBOLS: usize = 4 << LOOK;
const BEYOND: usize = SYMBOLS + (2 << LOOK);
const OFFSET: usize = BEYOND + 4 * 17;
const VALUES: usize = OFFSET + 4 * 17;

/** Makes the table at `at` from how many codes there are of each length from 1 to 16 and the symbols behind that. */
export function huffmanTable(codes: usize, at: usize): void {
  memory.fill(at, 0, BEYOND);
  memory.copy(at + VALUES, codes + 16, 256);
  let code = 0;
  let index = 0;
  for (let length = 1; length <= 16; length++) {
    store<i32>(at + OFFSET + (length << 2), index - code);
    for (let i = <i32>load<u8>(codes + length - 1); i > 0; i--, code++, index++) {
      if (length > LOOK) continue;
      const symbol = <i32>load<u8>(codes + 16 + index);
      const rest = LOOK - length;
      for (let bits = code << rest; bits < (code + 1) << rest; bits++) {
        store<u16>(at + SYMBOLS + (bits << 1), (length << 8) | symbol);
        store<i32>(at + (bits << 2), coefficient(bits, length, symbol));
      }
    }
    store<i32>(at + BEYOND + (length << 2), code);
    code <<= 1;
  }
}

/** value << 16 | places to go on << 8 | bits of code and value, or 0 where these are more than LOOK. */
function coefficient(bits: i32, length: i32, symbol: i32): i32 {
  const size = symbol & 15;
  const run = symbol >> 4;
  if (length + size > LOOK) return 0;
  if (size == 0) return ((run == 15 ? 16 : END_OF_BLOCK) << 8) | length;
  const value = extended((bits >> (LOOK - length - size)) & ((1 << size) - 1), size);
  return (value << 16) | ((run + 1) << 8) | (length + size);
}

/** What the table has of the coefficient that the next bits begin, the first one highest; or 0. */
// @ts-ignore: decorator
@inline
export function looked(table: usize, bits: u64): i32 {
  return load<i32>(table + (<usize>(bits >> (64 - LOOK)) << 2));
}

/** length << 8 | symbol of the code that the next bits begin, or 0 where they begin none. */
export function entry(table: usize, bits: u64): i32 {
  const short = <i32>load<u16>(table + SYMBOLS + (<usize>(bits >> (64 - LOOK)) << 1));
  if (short != 0) return short;
  for (let length = LOOK + 1; length <= 16; length++) {
    const code = <i32>(bits >> (64 - length));
    if (code < load<i32>(table + BEYOND + (length << 2))) {
      const index = code + load<i32>(table + OFFSET + (length << 2));
      return (length << 8) | load<u8>(table + VALUES + index);
    }
  }
  return 0;
}

/** A number of `size` bits: below half of what they hold it is negative. */
// @ts-ignore: decorator
@inline
export function extended(bits: i32, size: i32): i32 {
  return bits < 1 << (size - 1) ? bits - (1 << size) + 1 : bits;
}
