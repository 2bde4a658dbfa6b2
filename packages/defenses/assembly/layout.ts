import { TABLE_BYTES } from './quantise';

/*
 * Where everything lies in memory. The image is read and, when its planes are made, written over by the result.
 */

const align = (value: usize): usize => (value + 63) & ~63;

export let height: i32 = 0;
export let width: i32 = 0;
export let grey: bool = false;
/** log2 of the luma samples for one chroma sample, down and across. */
export let down: i32 = 0;
export let across: i32 = 0;
export let patch: i32 = 0;
/** Of the grid, to be added to a pixel's place before dividing by the patch. */
export let shiftY: i32 = 0;
export let shiftX: i32 = 0;
export let columns: i32 = 0;
export let qualities: i32 = 0;

export let image: usize = 0;
export let choice: usize = 0;
/** For each group of eight columns the patch column of its first pixel, as i32. */
export let groupPatch: usize = 0;
/** For each column of blocks the first and the last patch column that it touches, as two i32. */
export let lumaPatches: usize = 0;
export let chromaPatches: usize = 0;
/** For each quality its index among the tables, as i32. */
export let tableOf: usize = 0;

/** Rows of a luma and of a chroma plane, and bytes from row to row; 16 bytes stand before each row. */
export let lumaRows: i32 = 0;
export let lumaStride: usize = 0;
export let chromaRows: i32 = 0;
export let chromaStride: usize = 0;
/** Planes before coding. */
export let sourceLuma: usize = 0;
export let sourceBlue: usize = 0;
export let sourceRed: usize = 0;
/** Planes after coding, one for each quality: the first, and bytes from one to the next. */
export let codedLuma: usize = 0;
export let codedBlue: usize = 0;
export let codedRed: usize = 0;
export let lumaBytes: usize = 0;
export let chromaBytes: usize = 0;

/** Full rows of chroma before they are halved, and work space. */
export let rowBuffers: usize = 0;
export let rowBytes: usize = 0;
export let coefficients: usize = 0;
export let scratch: usize = 0;
/** One i32 for each quality: the last block that was coded at it; and the qualities that a block is coded at. */
export let stamps: usize = 0;
export let wanted: usize = 0;

/** Tables of 100 qualities, luma and chroma, accurate and fast; filled in when first used. */
export let tables: usize = 0;

export const MARGIN: usize = 16;

/** Lays out memory for an image; false where it does not fit. */
export function layOut(
  imageHeight: i32,
  imageWidth: i32,
  isGrey: bool,
  downShift: i32,
  acrossShift: i32,
  patchSide: i32,
  patchShiftY: i32,
  patchShiftX: i32,
  patchRows: i32,
  patchColumns: i32,
  qualityCount: i32,
): bool {
  height = imageHeight;
  width = imageWidth;
  grey = isGrey;
  down = downShift;
  across = acrossShift;
  patch = patchSide;
  shiftY = patchShiftY;
  shiftX = patchShiftX;
  columns = patchColumns;
  qualities = qualityCount;

  tables = align(__heap_base);
  let end: u64 = tables + 400 * TABLE_BYTES;
  const wide: usize = (width + 15) & ~15;
  lumaRows = (height + 7) & ~7;
  lumaStride = wide + 2 * MARGIN;
  chromaRows = (((height + down) >> down) + 7) & ~7;
  chromaStride = (((wide >> across) + 15) & ~15) + 2 * MARGIN;
  lumaBytes = align(<usize>lumaRows * lumaStride);
  chromaBytes = grey ? 0 : align(<usize>chromaRows * chromaStride);
  rowBytes = wide + 64;

  const imageBytes: u64 = <u64>height * <u64>width * (grey ? 1 : 3) + 128;
  const planes = <u64>(qualities > 1 ? qualities + 1 : 1);
  const total =
    end +
    imageBytes +
    planes * (<u64>lumaRows * <u64>lumaStride + 64 + 2 * <u64>chromaBytes) +
    <u64>patchRows * <u64>patchColumns +
    4 * <u64>wide +
    8 * <u64>rowBytes +
    12 * <u64>qualities +
    4096;
  if (total > 0xf0000000) return false;
  const pages = <i32>((total + 0xffff) >> 16) - memory.size();
  if (pages > 0 && memory.grow(pages) < 0) return false;

  let at = <usize>end;
  image = at;
  at = align(at + <usize>imageBytes);
  choice = at;
  at = align(at + patchRows * patchColumns + 16);
  groupPatch = at;
  at = align(at + (wide >> 1) + 16);
  lumaPatches = at;
  at = align(at + wide + 16);
  chromaPatches = at;
  at = align(at + wide + 16);
  tableOf = at;
  at = align(at + 4 * qualities);
  stamps = at;
  at = align(at + 4 * qualities);
  wanted = at;
  at = align(at + 4 * qualities);
  rowBuffers = at;
  at = align(at + 4 * rowBytes);
  coefficients = at;
  scratch = at + 128;
  at = align(at + 512);
  sourceLuma = at + MARGIN;
  sourceBlue = sourceLuma + lumaBytes;
  sourceRed = sourceBlue + chromaBytes;
  codedLuma = sourceLuma;
  codedBlue = sourceBlue;
  codedRed = sourceRed;
  if (qualities > 1) {
    codedLuma = sourceRed + chromaBytes;
    codedBlue = codedLuma + lumaBytes * qualities;
    codedRed = codedBlue + chromaBytes * qualities;
  }
  return true;
}
