import { storeRgb8 } from './colour';
import { forwardDct } from './forward-dct';
import { inverseIfast } from './inverse-ifast';
import { inverseIslow } from './inverse-islow';
import * as at from './layout';
import { makePlanes } from './planes';
import { TABLE_BYTES } from './quantise';
import { doubleAcross, doubleBoth } from './sampling';

/*
 * JPEG without its entropy coding, for whole images, at one quality or at one for each patch. JavaScript calls `layOut`,
 * writes the image, the choices and the tables that are missing, and then calls `run`: src/jpeg-kernel/kernel.ts.
 */

export { layOut } from './layout';

export function imageAddress(): usize {
  return at.image;
}
export function choiceAddress(): usize {
  return at.choice;
}
/** Where the table indices of the qualities go, as i32. */
export function tableIndexAddress(): usize {
  return at.tableOf;
}
export function tableAddress(index: i32): usize {
  return at.tables + index * TABLE_BYTES;
}

/** Codes and decodes the image in place. The chroma tables follow the luma tables of their quality. */
export function run(fast: bool): void {
  makePlanes();
  memory.fill(at.stamps, 0xff, 4 * at.qualities);
  stamped = 0;
  codePlane(at.sourceLuma, at.codedLuma, at.lumaBytes, at.lumaStride, at.lumaRows, 0, 0, 0, 0, fast, 0);
  if (at.grey) {
    writeGrey();
    return;
  }
  const rows = at.chromaRows;
  const border = at.across;
  codePlane(at.sourceBlue, at.codedBlue, at.chromaBytes, at.chromaStride, rows, at.down, at.across, at.down, border, fast, 1);
  codePlane(at.sourceRed, at.codedRed, at.chromaBytes, at.chromaStride, rows, at.down, at.across, at.down, border, fast, 1);
  for (let q = 0; q < at.qualities; q++) {
    closeEdges(at.codedBlue + q * at.chromaBytes);
    closeEdges(at.codedRed + q * at.chromaBytes);
  }
  writeRgb();
}

/** Codes all blocks of a component at the qualities of the patches that need them (`border` pixels around included). */
function codePlane(
  source: usize,
  coded: usize,
  planeBytes: usize,
  stride: usize,
  rows: i32,
  down: i32,
  across: i32,
  borderY: i32,
  borderX: i32,
  fast: bool,
  chroma: i32,
): void {
  const blockRows = rows >> 3;
  const blockColumns = (((at.width + (1 << across) - 1) >> across) + 7) >> 3;
  const single = at.qualities === 1;
  if (single) store<i32>(at.wanted, 0);
  for (let by = 0; by < blockRows; by++) {
    for (let bx = 0; bx < blockColumns; bx++) {
      const place = by * 8 * stride + bx * 8;
      forwardDct(source + place, stride, at.coefficients);
      const count = single ? 1 : wantedQualities(by, bx, down, across, borderY, borderX);
      for (let i = 0; i < count; i++) {
        const q = load<i32>(at.wanted + (i << 2));
        const table = at.tables + (load<i32>(at.tableOf + (q << 2)) + chroma) * TABLE_BYTES;
        const to = coded + q * planeBytes + place;
        if (fast) inverseIfast(at.coefficients, table, to, stride, at.scratch);
        else inverseIslow(at.coefficients, table, to, stride, at.scratch);
      }
    }
  }
}

/** Lists the qualities of the patches on a block, its border included; returns how many. */
function wantedQualities(by: i32, bx: i32, down: i32, across: i32, borderY: i32, borderX: i32): i32 {
  const top = max((by << (3 + down)) - borderY, 0);
  const left = max((bx << (3 + across)) - borderX, 0);
  const bottom = min(((by + 1) << (3 + down)) - 1 + borderY, at.height - 1);
  const right = min(((bx + 1) << (3 + across)) - 1 + borderX, at.width - 1);
  const firstRow = (top + at.shiftY) / at.patch;
  const lastRow = (bottom + at.shiftY) / at.patch;
  const firstColumn = (left + at.shiftX) / at.patch;
  const lastColumn = (right + at.shiftX) / at.patch;
  const stamp = ++stamped;
  let count = 0;
  for (let row = firstRow; row <= lastRow; row++) {
    const choices = at.choice + row * at.columns;
    for (let column = firstColumn; column <= lastColumn; column++) {
      const q = <usize>load<u8>(choices + column) << 2;
      if (load<i32>(at.stamps + q) === stamp) continue;
      store<i32>(at.stamps + q, stamp);
      store<i32>(at.wanted + (count++ << 2), q >> 2);
    }
  }
  return count;
}

let stamped: i32 = 0;

/** Repeats the first and the last real column of a chroma plane outwards, for the triangle filter. */
function closeEdges(plane: usize): void {
  const rows = (at.height + (1 << at.down) - 1) >> at.down;
  const columns = (at.width + (1 << at.across) - 1) >> at.across;
  let row = plane;
  for (let y = 0; y < rows; y++, row += at.chromaStride) {
    store<u8>(row - 1, load<u8>(row));
    store<u8>(row + columns, load<u8>(row + columns - 1));
  }
}

/** Fills in the patch column of each group of eight pixels. */
function groupPatches(): void {
  for (let x = 0; x < at.width; x += 8) store<i32>(at.groupPatch + (x >> 1), (x + at.shiftX) / at.patch);
}

function writeRgb(): void {
  const chromaRows = (at.height + (1 << at.down) - 1) >> at.down;
  const single = at.qualities === 1;
  if (!single) groupPatches();
  for (let y = 0; y < at.height; y++) {
    const near = y >> at.down;
    const far = at.down ? min(max((y & 1) === 1 ? near + 1 : near - 1, 0), chromaRows - 1) : near;
    const nearOffset = near * at.chromaStride;
    const farOffset = far * at.chromaStride;
    const lumaOffset = y * at.lumaStride;
    const to = at.image + y * at.width * 3;
    if (single) {
      writeRow(lumaOffset, nearOffset, farOffset, to);
    } else {
      writePatches(lumaOffset, nearOffset, farOffset, to, at.choice + ((y + at.shiftY) / at.patch) * at.columns);
    }
  }
}

function writeRow(lumaOffset: usize, nearOffset: usize, farOffset: usize, to: usize): void {
  const luma = at.codedLuma + lumaOffset;
  const blue = at.codedBlue + nearOffset;
  const red = at.codedRed + nearOffset;
  const farther = farOffset - nearOffset;
  const across = at.across;
  const down = at.down;
  const width = at.width;
  if (down) {
    for (let x = 0; x < width; x += 8) write8(luma, blue, red, farther, x, true, true, to + 3 * x);
  } else if (across) {
    for (let x = 0; x < width; x += 8) write8(luma, blue, red, farther, x, true, false, to + 3 * x);
  } else {
    for (let x = 0; x < width; x += 8) write8(luma, blue, red, farther, x, false, false, to + 3 * x);
  }
}

// @ts-ignore: decorator
@inline
function write8(
  luma: usize,
  blue: usize,
  red: usize,
  farther: usize,
  x: i32,
  across: bool,
  down: bool,
  to: usize,
): void {
  const y = v128.load_ext<i8>(luma + x);
  if (!across) {
    storeRgb8(y, v128.load_ext<i8>(blue + x), v128.load_ext<i8>(red + x), to);
    return;
  }
  const cb = blue + (x >> 1) - 1;
  const cr = red + (x >> 1) - 1;
  if (down) storeRgb8(y, doubleBoth(cb, cb + farther), doubleBoth(cr, cr + farther), to);
  else storeRgb8(y, doubleAcross(cb), doubleAcross(cr), to);
}

/** One row of which each patch comes from the planes of its quality. */
function writePatches(lumaOffset: usize, nearOffset: usize, farOffset: usize, to: usize, choices: usize): void {
  const farther = farOffset - nearOffset;
  const patch = at.patch;
  for (let x = 0; x < at.width; x += 8) {
    let column = load<i32>(at.groupPatch + (x >> 1));
    let q = <usize>load<u8>(choices + column);
    const end = min(x + 8, at.width);
    let next = (column + 1) * patch - at.shiftX;
    writeQuality8(lumaOffset, nearOffset, farther, q, x, to + 3 * x);
    // Where a patch ends within the eight pixels, the others go through scratch memory.
    while (next < end) {
      column++;
      const start = next;
      next += patch;
      q = <usize>load<u8>(choices + column);
      writeQuality8(lumaOffset, nearOffset, farther, q, x, at.scratch);
      memory.copy(to + 3 * start, at.scratch + 3 * (start - x), 3 * (min(next, end) - start));
    }
  }
}

// @ts-ignore: decorator
@inline
function writeQuality8(lumaOffset: usize, nearOffset: usize, farther: usize, q: usize, x: i32, to: usize): void {
  const luma = at.codedLuma + q * at.lumaBytes + lumaOffset;
  const blue = at.codedBlue + q * at.chromaBytes + nearOffset;
  const red = at.codedRed + q * at.chromaBytes + nearOffset;
  if (at.down) write8(luma, blue, red, farther, x, true, true, to);
  else if (at.across) write8(luma, blue, red, farther, x, true, false, to);
  else write8(luma, blue, red, farther, x, false, false, to);
}

function writeGrey(): void {
  const single = at.qualities === 1;
  if (!single) groupPatches();
  for (let y = 0; y < at.height; y++) {
    const choices = at.choice + ((y + at.shiftY) / at.patch) * at.columns;
    const to = at.image + y * at.width;
    let luma = at.codedLuma + y * at.lumaStride;
    for (let x = 0; x < at.width; x++) {
      if (!single) {
        const q = <usize>load<u8>(choices + (x + at.shiftX) / at.patch);
        luma = at.codedLuma + q * at.lumaBytes + y * at.lumaStride;
      }
      store<u8>(to + x, load<u8>(luma + x) ^ 128);
    }
  }
}
