/*
 * The median of 3×3 pixels and the Gaussian blur of an image of three channels: JavaScript calls `layOut`, writes the image
 * and, for the blur, its tables, and runs one of the two. What they give is what src/median/median-of-nine.ts and
 * src/gaussian.ts give, to the bit.
 */

/** Bytes of a pixel: three 32-bit floats. */
const PIXEL: usize = 12;
/** Vectors may reach beyond what they are about: so many bytes stand behind each piece of memory. */
const MARGIN: usize = 64;

let height: i32 = 0;
let row: usize = 0;
let taps: i32 = 0;
let image: usize = 0;
let result: usize = 0;
let lines: usize = 0;
let line: usize = 0;
let weights: usize = 0;
let rowTable: usize = 0;
let columnTable: usize = 0;

/** Makes room for an image and a window of so many pixels a side; false where memory does not reach. */
export function layOut(rows: i32, columns: i32, window: i32): bool {
  height = rows;
  row = <usize>columns * PIXEL;
  taps = window;
  const bytes = (<usize>rows * row + MARGIN + 63) & ~63;
  line = (<usize>(columns + window) * PIXEL + MARGIN + 63) & ~63;
  image = (__heap_base + 63) & ~63;
  result = image + bytes;
  lines = result + bytes;
  weights = lines + 3 * line;
  rowTable = weights + 8 * <usize>window;
  columnTable = rowTable + 4 * <usize>(rows + window);
  const pages = <i32>((columnTable + 4 * <usize>(columns + window) + 0xffff) >>> 16);
  return pages <= memory.size() || memory.grow(pages - memory.size()) >= 0;
}

/** Where the image goes: [height, width, 3] floats. */
export function imageAddress(): usize {
  return image;
}

/** Where the result is afterwards. */
export function resultAddress(): usize {
  return result;
}

/** Where the weights of the blur go: as many doubles as the window is wide. */
export function weightsAddress(): usize {
  return weights;
}

/** Where the row of each place of a column goes that has the window's margins, 32 bits each. */
export function rowTableAddress(): usize {
  return rowTable;
}

/** The column of each place of a row, likewise. */
export function columnTableAddress(): usize {
  return columnTable;
}

/** Floats that are not negative are in the order of their bits; zeros lose their sign. */
// @ts-ignore: decorator
@inline
function loadOrdered(at: usize): v128 {
  return f32x4.add(v128.load(at), f32x4.splat(0));
}

// @ts-ignore: decorator
@inline
function medianOfThree(a: v128, b: v128, c: v128): v128 {
  return i32x4.max_s(i32x4.min_s(a, b), i32x4.min_s(i32x4.max_s(a, b), c));
}

/** Columns sorted once, then the median of the largest low, the middle of the middles, the smallest high. */
export function medianOfNine(): void {
  const low = lines;
  const middle = low + line;
  const high = middle + line;
  for (let y = 0; y < height; y++) {
    const here = <usize>y * row;
    const above = y > 0 ? here - row : here;
    const below = y < height - 1 ? here + row : here;
    for (let i: usize = 0; i < row; i += 16) {
      const a = loadOrdered(image + above + i);
      const b = loadOrdered(image + here + i);
      const c = loadOrdered(image + below + i);
      const less = i32x4.min_s(a, b);
      const more = i32x4.max_s(a, b);
      const upper = i32x4.max_s(less, c);
      v128.store(low + PIXEL + i, i32x4.min_s(less, c));
      v128.store(middle + PIXEL + i, i32x4.min_s(more, upper));
      v128.store(high + PIXEL + i, i32x4.max_s(more, upper));
    }
    for (let at = low; at <= high; at += line) {
      memory.copy(at, at + PIXEL, PIXEL);
      memory.copy(at + PIXEL + row, at + row, PIXEL);
    }
    for (let i: usize = 0; i < row; i += 16) {
      const l = low + i;
      const m = middle + i;
      const h = high + i;
      const largestLow = i32x4.max_s(i32x4.max_s(v128.load(l), v128.load(l, PIXEL)), v128.load(l, 2 * PIXEL));
      const smallestHigh = i32x4.min_s(i32x4.min_s(v128.load(h), v128.load(h, PIXEL)), v128.load(h, 2 * PIXEL));
      const middles = medianOfThree(v128.load(m), v128.load(m, PIXEL), v128.load(m, 2 * PIXEL));
      v128.store(result + here + i, medianOfThree(largestLow, middles, smallestHigh));
    }
  }
}

// @ts-ignore: decorator
@inline
function loadDoubles(at: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(at));
}

/** Down into a line with its margins, then across; sums in doubles, the middle first, then pairs from the outside in. */
export function blur(): void {
  const half = taps >> 1;
  const margin = <usize>half * PIXEL;
  for (let y = 0; y < height; y++) {
    const rows = rowTable + 4 * <usize>y;
    for (let i: usize = 0; i < row; i += 16) {
      const at = image + i;
      const centre = f64x2.splat(load<f64>(weights + 8 * <usize>half));
      const own = at + <usize>load<i32>(rows + 4 * <usize>half) * row;
      let first = f64x2.mul(centre, loadDoubles(own));
      let second = f64x2.mul(centre, loadDoubles(own + 8));
      for (let k = 0; k < half; k++) {
        const weight = f64x2.splat(load<f64>(weights + 8 * <usize>k));
        const a = at + <usize>load<i32>(rows + 4 * <usize>k) * row;
        const b = at + <usize>load<i32>(rows + 4 * <usize>(taps - 1 - k)) * row;
        first = f64x2.add(first, f64x2.mul(weight, f64x2.add(loadDoubles(a), loadDoubles(b))));
        second = f64x2.add(second, f64x2.mul(weight, f64x2.add(loadDoubles(a + 8), loadDoubles(b + 8))));
      }
      storeFloats(lines + margin + i, first, second);
    }
    for (let x = 0; x < half; x++) {
      copyColumn(x);
      copyColumn(<i32>(row / PIXEL) + half + x);
    }
    for (let i: usize = 0; i < row; i += 16) {
      const at = lines + i;
      const centre = f64x2.splat(load<f64>(weights + 8 * <usize>half));
      let first = f64x2.mul(centre, loadDoubles(at + margin));
      let second = f64x2.mul(centre, loadDoubles(at + margin + 8));
      let a = at;
      let b = at + 2 * margin;
      for (let k = 0; k < half; k++, a += PIXEL, b -= PIXEL) {
        const weight = f64x2.splat(load<f64>(weights + 8 * <usize>k));
        first = f64x2.add(first, f64x2.mul(weight, f64x2.add(loadDoubles(a), loadDoubles(b))));
        second = f64x2.add(second, f64x2.mul(weight, f64x2.add(loadDoubles(a + 8), loadDoubles(b + 8))));
      }
      storeFloats(result + <usize>y * row + i, first, second);
    }
  }
}

// @ts-ignore: decorator
@inline
function storeFloats(at: usize, first: v128, second: v128): void {
  v128.store(at, v128.shuffle<i64>(f32x4.demote_f64x2_zero(first), f32x4.demote_f64x2_zero(second), 0, 2));
}

/** The line's place x is a margin: the column that it mirrors stands there. */
// @ts-ignore: decorator
@inline
function copyColumn(x: i32): void {
  const from = <usize>(load<i32>(columnTable + 4 * <usize>x) + (taps >> 1)) * PIXEL;
  memory.copy(lines + <usize>x * PIXEL, lines + from, PIXEL);
}
