import { forwardDct } from './forward-dct';
import { quantisedIfast, quantisedIslow } from './inverse';
import * as at from './layout';
import { TABLE_BYTES } from './quantise';

/*
 * Blocks there and back: one forward DCT for a block, and an inverse one for each quality that the block shows at.
 */

/** Finds out, where patches differ, which of them each column of blocks touches. */
export function beginCoding(): void {
  store<i32>(at.wanted, 0);
  if (at.qualities === 1) return;
  memory.fill(at.stamps, 0xff, 4 * at.qualities);
  stamped = 0;
  findPatches(at.lumaPatches, 0, 0);
  findPatches(at.chromaPatches, at.across, at.across);
}

/** Codes a row of luma blocks. */
export function codeLuma(by: i32, fast: bool): void {
  beginRow(by, 0, 0);
  const blockColumns = (at.width + 7) >> 3;
  let place = <usize>by * 8 * at.lumaStride;
  for (let bx = 0; bx < blockColumns; bx++, place += 8) {
    const count = wantedQualities(at.lumaPatches + (bx << 3));
    codeBlock(at.sourceLuma + place, at.codedLuma + place, at.lumaStride, at.lumaBytes, count, 0, fast);
  }
}

/** Codes a row of blocks of both chroma components: the triangle filter looks at samples one pixel beyond the block. */
export function codeChroma(by: i32, fast: bool): void {
  beginRow(by, at.down, at.down);
  const blockColumns = (((at.width + (1 << at.across) - 1) >> at.across) + 7) >> 3;
  let place = <usize>by * 8 * at.chromaStride;
  for (let bx = 0; bx < blockColumns; bx++, place += 8) {
    const count = wantedQualities(at.chromaPatches + (bx << 3));
    codeBlock(at.sourceBlue + place, at.codedBlue + place, at.chromaStride, at.chromaBytes, count, 1, fast);
    codeBlock(at.sourceRed + place, at.codedRed + place, at.chromaStride, at.chromaBytes, count, 1, fast);
  }
}

// @ts-ignore: decorator
@inline
function codeBlock(
  from: usize,
  to: usize,
  stride: usize,
  planeBytes: usize,
  count: i32,
  chroma: i32,
  fast: bool,
): void {
  forwardDct(from, stride, at.coefficients);
  for (let i = 0; i < count; i++) {
    const q = load<i32>(at.wanted + (i << 2));
    const table = at.tables + (load<i32>(at.tableOf + (q << 2)) + chroma) * TABLE_BYTES;
    const target = to + q * planeBytes;
    if (fast) quantisedIfast(at.coefficients, table, target, stride, at.scratch);
    else quantisedIslow(at.coefficients, table, target, stride, at.scratch);
  }
}

/** The first and the last patch column of each column of blocks, `border` pixels around included. */
function findPatches(to: usize, across: i32, border: i32): void {
  const side = 8 << across;
  for (let left = 0; left < at.width; left += side, to += 8) {
    store<i32>(to, (max(left - border, 0) + at.shiftX) / at.patch);
    store<i32>(to, (min(left + side - 1 + border, at.width - 1) + at.shiftX) / at.patch, 4);
  }
}

/** The patch rows that the row of blocks at hand touches. */
let firstRow: i32 = 0;
let lastRow: i32 = 0;

function beginRow(by: i32, down: i32, border: i32): void {
  firstRow = (max((by << (3 + down)) - border, 0) + at.shiftY) / at.patch;
  lastRow = (min(((by + 1) << (3 + down)) - 1 + border, at.height - 1) + at.shiftY) / at.patch;
}

/** Lists the qualities of the patches on a block, given its patch columns; returns how many. */
// @ts-ignore: decorator
@inline
function wantedQualities(patches: usize): i32 {
  return at.qualities === 1 ? 1 : listQualities(load<i32>(patches), load<i32>(patches, 4));
}

/** Counts the blocks that were listed: a quality that is stamped with the count is in the list. */
let stamped: i32 = 0;

function listQualities(firstColumn: i32, lastColumn: i32): i32 {
  const stamp = ++stamped;
  const stamps = at.stamps;
  const wanted = at.wanted;
  const last = lastRow;
  const pitch = at.columns;
  let count = 0;
  for (let row = firstRow; row <= last; row++) {
    const choices = at.choice + row * pitch;
    for (let column = firstColumn; column <= lastColumn; column++) {
      const q = <usize>load<u8>(choices + column);
      if (load<i32>(stamps + (q << 2)) === stamp) continue;
      store<i32>(stamps + (q << 2), stamp);
      store<i32>(wanted + (count++ << 2), q);
    }
  }
  return count;
}
