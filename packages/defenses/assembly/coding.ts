import { forwardDct } from './forward-dct';
import { inverseIfast } from './inverse-ifast';
import { inverseIslow } from './inverse-islow';
import * as at from './layout';
import { TABLE_BYTES } from './quantise';

/*
 * Blocks there and back: one forward DCT for a block, and an inverse one for each quality that the block shows at.
 */

/** Counts blocks; see `wantedQualities`. */
let stamped: i32 = 0;

export function codeLuma(fast: bool): void {
  begin(0, 0);
  const blockRows = at.lumaRows >> 3;
  const blockColumns = (at.width + 7) >> 3;
  for (let by = 0; by < blockRows; by++) {
    const row = by * 8 * at.lumaStride;
    for (let bx = 0; bx < blockColumns; bx++) {
      const place = row + bx * 8;
      const count = wantedQualities(by, bx, 0, 0);
      codeBlock(at.sourceLuma + place, at.codedLuma + place, at.lumaStride, at.lumaBytes, count, 0, fast);
    }
  }
}

/** Both chroma components: the triangle filter looks at samples one pixel beyond the block. */
export function codeChroma(fast: bool): void {
  begin(at.across, at.across);
  const blockRows = at.chromaRows >> 3;
  const blockColumns = (((at.width + (1 << at.across) - 1) >> at.across) + 7) >> 3;
  for (let by = 0; by < blockRows; by++) {
    const row = by * 8 * at.chromaStride;
    for (let bx = 0; bx < blockColumns; bx++) {
      const place = row + bx * 8;
      const count = wantedQualities(by, bx, at.down, at.down);
      codeBlock(at.sourceBlue + place, at.codedBlue + place, at.chromaStride, at.chromaBytes, count, 1, fast);
      codeBlock(at.sourceRed + place, at.codedRed + place, at.chromaStride, at.chromaBytes, count, 1, fast);
    }
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
    if (fast) inverseIfast(at.coefficients, table, target, stride, at.scratch);
    else inverseIslow(at.coefficients, table, target, stride, at.scratch);
  }
}

/** Finds the first and the last patch column of each block column, `border` pixels around included. */
function begin(across: i32, border: i32): void {
  store<i32>(at.wanted, 0);
  if (at.qualities === 1) return;
  memory.fill(at.stamps, 0xff, 4 * at.qualities);
  stamped = 0;
  const side = 8 << across;
  for (let left = 0, to = at.blockPatches; left < at.width; left += side, to += 8) {
    store<i32>(to, (max(left - border, 0) + at.shiftX) / at.patch);
    store<i32>(to, (min(left + side - 1 + border, at.width - 1) + at.shiftX) / at.patch, 4);
  }
  rowOf = -1;
}

/** The block row whose patch rows are known, and those. */
let rowOf: i32 = -1;
let firstRow: i32 = 0;
let lastRow: i32 = 0;

/** Lists the qualities of the patches on a block, `border` pixels above and below included; returns how many. */
// @ts-ignore: decorator
@inline
function wantedQualities(by: i32, bx: i32, down: i32, border: i32): i32 {
  return at.qualities === 1 ? 1 : listQualities(by, bx, down, border);
}

function listQualities(by: i32, bx: i32, down: i32, border: i32): i32 {
  if (rowOf !== by) {
    rowOf = by;
    firstRow = (max((by << (3 + down)) - border, 0) + at.shiftY) / at.patch;
    lastRow = (min(((by + 1) << (3 + down)) - 1 + border, at.height - 1) + at.shiftY) / at.patch;
  }
  const firstColumn = load<i32>(at.blockPatches + (bx << 3));
  const lastColumn = load<i32>(at.blockPatches + (bx << 3), 4);
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
