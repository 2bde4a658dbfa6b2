import { END_OF_BLOCK, entry, extended, looked } from './huffman-table';
import { transform } from './transform';

/*
 * Scans of baseline and extended sequential files: SequentialDecoder of src/jpeg/block-decoder.ts, and the loop over blocks of
 * src/jpeg/decode-scan.ts, to the same coefficients and the same faults. Each block has all its coefficients at once and becomes
 * samples there and then.
 */

/** What becomes of units. */
const DONE = 0;
const CUT_OFF = 1;
const NO_CODE = 2;
const TOO_LONG = 3;

/** A component in a scan, as JavaScript lays it out. */
@unmanaged
class Part {
  /** The first sample, and bytes from row to row. */
  plane: usize;
  stride: usize;
  /** Blocks with samples of the image. */
  rows: i32;
  columns: i32;
  /** Blocks in a unit. */
  down: i32;
  across: i32;
  /** Its Huffman tables and its dequantisers. */
  dc: usize;
  ac: usize;
  table: usize;
  /** The last DC coefficient. */
  last: i32;
}

/** Where bits are read: of `bits` the upper `count` are the next ones, and `next` is where those after them stand. */
@unmanaged
class Bits {
  bits: u64;
  next: usize;
  count: i32;
}

const reader = changetype<Bits>(memory.data(offsetof<Bits>(), 8));

/** The coefficients of one block. */
const BLOCK = memory.data(128, 16);

/** Turns the bytes of each word of 32 bits round, for `refill`; up to 12 bytes more are changed. */
export function turnWords(data: usize, bytes: usize): void {
  for (let at = data; at < data + bytes; at += 16)
    v128.store(at, i8x16.swizzle(v128.load(at), i8x16(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)));
}

/**
 * Decodes `count` units from unit `first` on, which stand between two restart markers.
 *
 * @param parts of `number` components
 * @param unitColumns units in a row
 * @param data words as `turnWords` leaves them, the part of them that is read from byte `start` to byte `end`
 * @param natural where coefficient k of the zigzag stands in its block, 256 bytes
 * @param fast which inverse DCT it is
 */
export function units(
  parts: usize,
  number: i32,
  unitColumns: i32,
  first: i32,
  count: i32,
  data: usize,
  start: usize,
  end: usize,
  natural: usize,
  fast: bool,
): i32 {
  const skipped = <i32>(start & 3) << 3;
  reader.next = data + (start & ~3) + 4;
  reader.bits = (<u64>load<u32>(reader.next - 4)) << (32 + skipped);
  reader.count = 32 - skipped;
  const beyond = parts + <usize>number * offsetof<Part>();
  for (let at = parts; at < beyond; at += offsetof<Part>()) changetype<Part>(at).last = 0;
  let row = first / unitColumns;
  let column = first % unitColumns;
  for (let unit = 0; unit < count; unit++) {
    for (let at = parts; at < beyond; at += offsetof<Part>()) {
      const part = changetype<Part>(at);
      for (let y = 0; y < part.down; y++) {
        const blockRow = row * part.down + y;
        for (let x = 0; x < part.across; x++) {
          const outcome = block(part, BLOCK, natural);
          if (outcome != DONE) return outcome;
          const blockColumn = column * part.across + x;
          if (blockRow >= part.rows || blockColumn >= part.columns) continue;
          const to = part.plane + <usize>blockRow * 8 * part.stride + <usize>blockColumn * 8;
          transform(BLOCK, part.table, to, part.stride, fast);
        }
      }
    }
    // In bits; what is read beyond the end was zeros.
    if (<i64>((reader.next - data) << 3) - reader.count > <i64>(end << 3)) return CUT_OFF;
    if (++column == unitColumns) {
      column = 0;
      row++;
    }
  }
  return DONE;
}

/** Decodes a block's 64 coefficients. */
function block(part: Part, to: usize, natural: usize): i32 {
  for (let at = to; at < to + 128; at += 16) v128.store(at, i64x2.splat(0));
  let bits = reader.bits;
  let next = reader.next;
  let count = reader.count;
  if (count < 32) {
    bits |= (<u64>load<u32>(next)) << (32 - count);
    next += 4;
    count += 32;
  }
  const difference = entry(part.dc, bits);
  if (difference == 0) return NO_CODE;
  const length = difference >> 8;
  const dcSize = difference & 255;
  if (dcSize > 0) part.last += extended(<i32>((bits << length) >> (64 - dcSize)), dcSize);
  bits <<= length + dcSize;
  count -= length + dcSize;
  store<i16>(to, part.last);
  const ac = part.ac;
  let k = 1;
  do {
    if (count < 32) {
      bits |= (<u64>load<u32>(next)) << (32 - count);
      next += 4;
      count += 32;
    }
    const found = looked(ac, bits);
    if (found != 0) {
      k += (found >> 8) & 255;
      bits <<= found & 255;
      count -= found & 255;
      // An end of block writes its zero over the last coefficient, which is zero still.
      store<i16>(to + (<usize>load<u8>(natural + <usize>k - 1) << 1), found >> 16);
      continue;
    }
    const code = entry(ac, bits);
    if (code == 0) return NO_CODE;
    const size = code & 15;
    bits <<= code >> 8;
    count -= (code >> 8) + size;
    if (size == 0) {
      k += ((code >> 4) & 15) == 15 ? 16 : END_OF_BLOCK;
      continue;
    }
    k += ((code >> 4) & 15) + 1;
    store<i16>(to + (<usize>load<u8>(natural + <usize>k - 1) << 1), extended(<i32>(bits >> (64 - size)), size));
    bits <<= size;
  } while (k < 64);
  if (k > 64 && k <= END_OF_BLOCK) return TOO_LONG;
  reader.bits = bits;
  reader.next = next;
  reader.count = count;
  return DONE;
}
