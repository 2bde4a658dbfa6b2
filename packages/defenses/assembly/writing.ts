import { doubleAcross, doubleBoth } from '../../core/assembly/jpeg/doubling';
import { storeRgb8 } from '../../core/assembly/jpeg/to-rgb';
import * as at from './layout';

/*
 * Decoded planes to pixels, eight at a time.
 */

export function beginWriting(): void {
  if (at.qualities === 1) return;
  for (let x = 0; x < at.width; x += 8) store<i32>(at.groupPatch + (x >> 1), (x + at.shiftX) / at.patch);
}

/** Readies chroma rows `first` … `end` - 1 for the filter. */
export function closeChroma(first: i32, end: i32): void {
  for (let q = 0; q < at.qualities; q++) {
    closeEdges(at.codedBlue + q * at.chromaBytes, first, end);
    closeEdges(at.codedRed + q * at.chromaBytes, first, end);
  }
}

/** Writes the pixel rows `first` … `end` - 1, of which the chroma rows below are there too. */
export function writeRgb(first: i32, end: i32): void {
  const chromaRows = (at.height + (1 << at.down) - 1) >> at.down;
  const single = at.qualities === 1;
  for (let y = first; y < end; y++) {
    const near = y >> at.down;
    const far = at.down ? min(max((y & 1) === 1 ? near + 1 : near - 1, 0), chromaRows - 1) : near;
    const luma = at.codedLuma + y * at.lumaStride;
    const blue = at.codedBlue + near * at.chromaStride;
    const red = at.codedRed + near * at.chromaStride;
    const farther = (far - near) * at.chromaStride;
    const to = at.image + y * at.width * 3;
    const choices = single ? 0 : at.choice + ((y + at.shiftY) / at.patch) * at.columns;
    if (at.down) writeRow(luma, blue, red, farther, to, choices, true, true);
    else if (at.across) writeRow(luma, blue, red, farther, to, choices, true, false);
    else writeRow(luma, blue, red, farther, to, choices, false, false);
  }
}

/** Repeats the first and the last real column of a chroma plane outwards, for the triangle filter. */
function closeEdges(plane: usize, first: i32, end: i32): void {
  const apart = ((at.width + (1 << at.across) - 1) >> at.across) - 1;
  let row = plane + first * at.chromaStride;
  for (let y = first; y < end; y++, row += at.chromaStride) {
    store<u8>(row - 1, load<u8>(row));
    store<u8>(row + apart + 1, load<u8>(row + apart));
  }
}

/** One row, of the first planes, or where there are choices each patch of the planes of its quality. */
// @ts-ignore: decorator
@inline
function writeRow(
  luma: usize,
  blue: usize,
  red: usize,
  farther: usize,
  to: usize,
  choices: usize,
  across: bool,
  down: bool,
): void {
  const width = at.width;
  if (!choices) {
    for (let x = 0; x < width; x += 8) write8(luma, blue, red, farther, x, to + 3 * x, across, down);
    return;
  }
  const lumaBytes = at.lumaBytes;
  const chromaBytes = at.chromaBytes;
  const groups = at.groupPatch;
  // With patches of whole groups none can end within one.
  const whole = ((at.patch | at.shiftX) & 7) === 0;
  for (let x = 0; x < width; x += 8) {
    const column = load<i32>(groups + (x >> 1));
    const q = <usize>load<u8>(choices + column);
    write8(luma + q * lumaBytes, blue + q * chromaBytes, red + q * chromaBytes, farther, x, to + 3 * x, across, down);
    if (!whole) writeRest(luma, blue, red, farther, x, to, choices, column, across, down);
  }
}

/** Of the eight pixels at x, those right of the end of patch `column`. */
function writeRest(
  luma: usize,
  blue: usize,
  red: usize,
  farther: usize,
  x: i32,
  to: usize,
  choices: usize,
  column: i32,
  across: bool,
  down: bool,
): void {
  const end = min(x + 8, at.width);
  let start = (column + 1) * at.patch - at.shiftX;
  while (start < end) {
    const q = <usize>load<u8>(choices + ++column);
    const next = start + at.patch;
    const apartLuma = q * at.lumaBytes;
    const apartChroma = q * at.chromaBytes;
    write8(luma + apartLuma, blue + apartChroma, red + apartChroma, farther, x, at.scratch, across, down);
    memory.copy(to + 3 * start, at.scratch + 3 * (start - x), 3 * (min(next, end) - start));
    start = next;
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
  to: usize,
  across: bool,
  down: bool,
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

export function writeGrey(): void {
  const single = at.qualities === 1;
  for (let y = 0; y < at.height; y++) {
    const choices = at.choice + ((y + at.shiftY) / at.patch) * at.columns;
    const to = at.image + y * at.width;
    const luma = at.codedLuma + y * at.lumaStride;
    for (let x = 0; x < at.width; x++) {
      const q = single ? 0 : <usize>load<u8>(choices + (x + at.shiftX) / at.patch);
      store<u8>(to + x, load<u8>(luma + q * at.lumaBytes + x) ^ 128);
    }
  }
}
