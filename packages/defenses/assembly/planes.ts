import { convert16 } from './from-rgb';
import * as at from './layout';
import { halveAcross, halveBoth } from './halving';

/**
 * Makes rows `first` … `end` - 1 of the source planes (counted in rows of chroma) from the image, edges repeated as libjpeg
 * does (src/jpeg-kernel/downsample.ts); with the last row of the image also those below it.
 */
export function makePlanes(first: i32, end: i32): void {
  const pitch = <usize>at.width * 3;
  const halfRows = (at.height + (1 << at.down) - 1) >> at.down;
  const wide: usize = (at.width + 15) & ~15;
  for (let row = first; row < min(end, halfRows); row++) {
    const y = row << at.down;
    const from = at.image + y * pitch;
    const luma = at.sourceLuma + y * at.lumaStride;
    const blue = at.sourceBlue + row * at.chromaStride;
    const red = at.sourceRed + row * at.chromaStride;
    const buffer = at.rowBuffers;
    if (!at.across) {
      convertRow(from, luma, blue, red);
    } else if (!at.down) {
      convertRow(from, luma, buffer, buffer + at.rowBytes);
      halveAcross(buffer, blue, wide);
      halveAcross(buffer + at.rowBytes, red, wide);
    } else {
      const last = y + 1 === at.height;
      convertRow(from, luma, buffer, buffer + at.rowBytes);
      const lower: usize = last ? 0 : 2 * at.rowBytes;
      if (!last) convertRow(from + pitch, luma + at.lumaStride, buffer + lower, buffer + lower + at.rowBytes);
      halveBoth(buffer, buffer + lower, blue, wide);
      halveBoth(buffer + at.rowBytes, buffer + lower + at.rowBytes, red, wide);
    }
  }
  if (end < halfRows) return;
  repeatRows(at.sourceLuma, at.lumaStride, at.height, at.lumaRows);
  repeatRows(at.sourceBlue, at.chromaStride, halfRows, at.chromaRows);
  repeatRows(at.sourceRed, at.chromaStride, halfRows, at.chromaRows);
}

/** One row of RGB to full rows of Y, Cb and Cr, grown to a multiple of 16 by repeating the last pixel. */
function convertRow(from: usize, luma: usize, blue: usize, red: usize): void {
  const whole = (<usize>at.width) & ~15;
  for (let x: usize = 0; x < whole; x += 16) convert16(from + 3 * x, luma + x, blue + x, red + x);
  const rest = <usize>at.width - whole;
  if (!rest) return;
  const tail = at.scratch;
  memory.copy(tail, from + 3 * whole, 3 * rest);
  for (let x = rest; x < 16; x++) {
    store<u16>(tail + 3 * x, load<u16>(tail + 3 * (rest - 1)));
    store<u8>(tail + 3 * x, load<u8>(tail + 3 * (rest - 1), 2), 2);
  }
  convert16(tail, luma + whole, blue + whole, red + whole);
}

/** The source plane of a grey image. */
export function makeGrey(): void {
  const wide: usize = (at.width + 15) & ~15;
  for (let y = 0; y < at.height; y++) {
    const from = at.image + y * at.width;
    const to = at.sourceLuma + y * at.lumaStride;
    for (let x: usize = 0; x < wide; x += 16) v128.store(to + x, v128.xor(v128.load(from + x), i8x16.splat(-128)));
    memory.fill(to + at.width, load<u8>(to + at.width - 1), wide - at.width);
  }
  repeatRows(at.sourceLuma, at.lumaStride, at.height, at.lumaRows);
}

function repeatRows(plane: usize, stride: usize, rows: i32, until: i32): void {
  const last = plane + (rows - 1) * stride;
  for (let y = rows; y < until; y++) memory.copy(plane + y * stride, last, stride - 2 * at.MARGIN);
}
