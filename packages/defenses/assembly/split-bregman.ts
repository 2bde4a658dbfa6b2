/*
 * The sweeps of src/split-bregman in 32-bit floats, four channels at once: JavaScript calls `layOut`, writes the framed
 * image, calls `begin`, and then a sweep as often as it is wanted. What each operation gives is what
 * src/split-bregman/reference.ts gives, to the bit.
 */

const PIXEL: usize = 16;
/** Of each pixel: what the Bregman variables b keep, across and down, and the shrunk gradients less b. */
const STATE: usize = 64;
const EX: usize = 32;

let height: i32 = 0;
let width: i32 = 0;
/** Bytes of one row of the framed image. */
let row: usize = 0;
let pixels: usize = 0;
let u: usize = 0;
let fidelity: usize = 0;
let state: usize = 0;
let lambda: v128 = f32x4.splat(0);
let scale: v128 = f32x4.splat(0);
let most: v128 = f32x4.splat(0);
let least: v128 = f32x4.splat(0);
const sums: usize = memory.data(32, 16);

/** Makes room for an image; false where memory does not reach. */
export function layOut(rows: i32, columns: i32): bool {
  height = rows;
  width = columns;
  pixels = <usize>(rows + 2) * <usize>(columns + 2);
  row = <usize>(columns + 2) * PIXEL;
  u = (__heap_base + 63) & ~63;
  fidelity = u + pixels * PIXEL;
  state = fidelity + pixels * PIXEL;
  const pages = <i32>((state + pixels * STATE + 0xffff) >>> 16);
  return pages <= memory.size() || memory.grow(pages - memory.size()) >= 0;
}

/** Where the framed image goes: [height + 2, width + 2, 4] floats. */
export function imageAddress(): usize {
  return u;
}

/** Where a sweep leaves the sum of squared changes of each channel: four doubles. */
export function sumsAddress(): usize {
  return sums;
}

export function begin(weight: f32): void {
  const twice: f32 = 2 * weight;
  const ninth: f32 = 1 / (9 * weight);
  const bound: f32 = 1 / twice;
  lambda = f32x4.splat(twice);
  scale = f32x4.splat(ninth);
  most = f32x4.splat(bound);
  least = f32x4.splat(-bound);
  const weights = f32x4.splat(weight);
  for (let at: usize = 0; at < pixels * PIXEL; at += PIXEL) {
    v128.store(fidelity + at, f32x4.mul(weights, v128.load(u + at)));
  }
  memory.fill(state, 0, pixels * STATE);
}

export function sweep(isotropic: bool): void {
  if (isotropic) sweepAs(true);
  else sweepAs(false);
}

// @ts-ignore: decorator
@inline
function sweepAs(isotropic: bool): void {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  const one = f32x4.splat(1);
  const stateRow = <usize>(width + 2) * STATE;
  for (let y = 1; y <= height; y++) {
    let at = u + <usize>y * row + PIXEL;
    let f = fidelity + <usize>y * row + PIXEL;
    let s = state + <usize>y * stateRow + STATE;
    // Nothing is ever shrunk on the frame.
    let exLeft = f32x4.splat(0);
    let left = v128.load(at - PIXEL);
    let before = v128.load(at);
    for (const end = at + <usize>width * PIXEL; at < end; at += PIXEL, f += PIXEL, s += STATE) {
      const right = v128.load(at, PIXEL);
      const below = v128.load(at + row);
      const pull = f32x4.add(
        f32x4.sub(exLeft, v128.load(s, EX)),
        f32x4.sub(v128.load(s - stateRow, EX + 16), v128.load(s, EX + 16)),
      );
      const around = f32x4.add(f32x4.add(f32x4.add(f32x4.add(below, right), v128.load(at - row)), pull), left);
      const after = f32x4.mul(f32x4.add(f32x4.mul(lambda, around), v128.load(f)), scale);
      v128.store(at, after);
      const change = f32x4.sub(after, before);
      const lowChange = f64x2.promote_low_f32x4(change);
      const highChange = f64x2.promote_low_f32x4(v128.shuffle<i64>(change, change, 1, 1));
      low = f64x2.add(low, f64x2.mul(lowChange, lowChange));
      high = f64x2.add(high, f64x2.mul(highChange, highChange));

      const gx = f32x4.add(f32x4.sub(right, before), v128.load(s));
      const gy = f32x4.add(f32x4.sub(below, before), v128.load(s, 16));
      let bx: v128;
      let by: v128;
      if (isotropic) {
        const length = f32x4.sqrt(f32x4.add(f32x4.mul(gx, gx), f32x4.mul(gy, gy)));
        const rest = f32x4.div(one, f32x4.add(f32x4.mul(length, lambda), one));
        bx = f32x4.mul(gx, rest);
        by = f32x4.mul(gy, rest);
      } else {
        bx = f32x4.pmax(f32x4.pmin(gx, most), least);
        by = f32x4.pmax(f32x4.pmin(gy, most), least);
      }
      v128.store(s, bx);
      v128.store(s, by, 16);
      exLeft = f32x4.sub(f32x4.sub(gx, bx), bx);
      v128.store(s, exLeft, EX);
      v128.store(s, f32x4.sub(f32x4.sub(gy, by), by), EX + 16);
      left = after;
      before = right;
    }
  }
  v128.store(sums, low);
  v128.store(sums + 16, high);
}
