/** What is wrong with a compressed block, and where in it. */
export class SnappyError extends Error {
  constructor(
    reason: string,
    readonly offset: number,
  ) {
    super(reason);
  }
}

/** The best that the format can do: a copy of 64 bytes takes 3. */
const MOST_PER_BYTE = 64 / 3;

/**
 * Decompresses one Snappy block (github.com/google/snappy, format_description.txt).
 *
 * @returns an array of its own
 * @throws SnappyError where the block is damaged, or claims more than it can hold
 */
export function snappyDecompress(block: Uint8Array): Uint8Array<ArrayBuffer> {
  const length = readLength(block);
  if (length.value > block.length * MOST_PER_BYTE) {
    throw new SnappyError(`${block.length} compressed bytes claim to hold ${length.value}`, 0);
  }
  const out = new Uint8Array(length.value);
  let at = length.end;
  let to = 0;
  const little = (bytes: number): number => {
    if (at + bytes > block.length) throw new SnappyError('the compressed block is cut off', at);
    let value = 0;
    for (let i = 0; i < bytes; i++) value += block[at++]! * 2 ** (8 * i);
    return value;
  };
  while (at < block.length) {
    const start = at;
    const tag = block[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      const short = tag >> 2;
      const count = 1 + (short < 60 ? short : little(short - 59));
      if (count > block.length - at || count > out.length - to) throw new SnappyError('a literal is too long', start);
      out.set(block.subarray(at, at + count), to);
      at += count;
      to += count;
      continue;
    }
    const count = kind === 1 ? 4 + ((tag >> 2) & 7) : 1 + (tag >> 2);
    const back = kind === 1 ? (tag >> 5) * 256 + little(1) : little(kind === 2 ? 2 : 4);
    if (back === 0 || back > to || count > out.length - to) throw new SnappyError('a copy leaves the block', start);
    // A copy may overlap what it writes: that is how the format repeats a pattern.
    if (back >= count) out.copyWithin(to, to - back, to - back + count);
    else for (let i = 0; i < count; i++) out[to + i] = out[to + i - back]!;
    to += count;
  }
  if (to !== out.length) throw new SnappyError(`${to} bytes came out instead of ${out.length}`, at);
  return out;
}

function readLength(block: Uint8Array): { value: number; end: number } {
  let value = 0;
  for (let i = 0; i < 5 && i < block.length; i++) {
    value += (block[i]! & 0x7f) * 2 ** (7 * i);
    if (block[i]! < 0x80) return { value, end: i + 1 };
  }
  throw new SnappyError('the length of the compressed block is damaged', 0);
}
