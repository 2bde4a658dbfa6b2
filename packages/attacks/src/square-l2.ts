import type { Random } from '@shield/core';
import type { Pixels } from './queries.js';
import { CHANNELS, clip, drawWindow, forEachValue, sideOf, sign, type Size, type Squares } from './square-window.js';

/** Tiles along a side of the image that the search starts from. */
const TILES = 5;

/** Keeps a change that is 0 everywhere from being divided by 0. */
const TINY = 1e-12;

/**
 * Squares that hold a bump and a dip, to which the change of another square is moved (Andriushchenko et al. 2020,
 * algorithm 3), on a start of tiles of them. The change always has the L2 norm eps, but for what [0, 1] cuts off.
 */
export class L2Squares implements Squares {
  #image: Pixels;
  #before: Pixels;
  readonly #etas = new Map<number, Float64Array>();

  constructor(
    private readonly clean: Pixels,
    private readonly size: Size,
    private readonly eps: number,
    private readonly random: Random,
  ) {
    const { height, width } = size;
    const side = Math.max(1, Math.floor(Math.min(height, width) / TILES));
    const change = new Float64Array(clean.length);
    // What does not fill a tile is left over on all sides alike.
    for (let top = (height % side) >> 1; top + side <= height; top += side) {
      for (let left = (width % side) >> 1; left + side <= width; left += side) {
        const eta = this.#eta(side);
        const signs = Array.from({ length: CHANNELS }, () => sign(random));
        let k = 0;
        forEachValue({ top, left, side }, width, (i) => {
          change[i] = eta[Math.floor(k / CHANNELS)]! * signs[k % CHANNELS]!;
          k++;
        });
      }
    }
    this.#image = clean.slice();
    this.#before = clean.slice();
    this.#apply(change);
  }

  get image(): Pixels {
    return this.#image;
  }

  propose(share: number): void {
    const side = oddSide(sideOf(share, this.size, 3), this.size);
    const { width } = this.size;
    const to = drawWindow(side, this.size, this.random);
    const from = drawWindow(side, this.size, this.random);
    const change = Float64Array.from(this.#image, (value, i) => value - this.clean[i]!);
    const unused = Math.max(0, this.eps ** 2 - change.reduce((sum, value) => sum + value * value, 0)) / CHANNELS;
    const [there, both] = [new Float64Array(CHANNELS), new Float64Array(CHANNELS).fill(unused)];
    forEachValue(to, width, (i) => {
      there[i % CHANNELS]! += change[i]! ** 2;
    });
    const old: number[] = [];
    forEachValue(to, width, (i) => {
      const c = i % CHANNELS;
      old.push(change[i]! / (TINY + Math.sqrt(there[c]!)));
      both[c]! += change[i]! ** 2;
      // Counted once where the squares overlap.
      change[i] = 0;
    });
    forEachValue(from, width, (i) => {
      both[i % CHANNELS]! += change[i]! ** 2;
      change[i] = 0;
    });
    const eta = this.#eta(side);
    const signs = Array.from({ length: CHANNELS }, () => sign(this.random));
    const fresh = old.map((value, k) => value + signs[k % CHANNELS]! * eta[Math.floor(k / CHANNELS)]!);
    const length = new Float64Array(CHANNELS);
    fresh.forEach((value, k) => (length[k % CHANNELS]! += value * value));
    let k = 0;
    forEachValue(to, width, (i) => {
      const c = i % CHANNELS;
      change[i] = (fresh[k++]! * Math.sqrt(both[c]!)) / (TINY + Math.sqrt(length[c]!));
    });
    [this.#image, this.#before] = [this.#before, this.#image];
    this.#apply(change);
  }

  takeBack(): void {
    [this.#image, this.#before] = [this.#before, this.#image];
  }

  /** Writes the clean image and the change, scaled to eps, into `image`. */
  #apply(change: Float64Array): void {
    const length = Math.sqrt(change.reduce((sum, value) => sum + value * value, 0));
    const scale = this.eps / (TINY + length);
    for (let i = 0; i < change.length; i++) this.#image[i] = clip(this.clean[i]! + scale * change[i]!);
  }

  /** η of a side, of norm 1, lying or standing with equal chance. */
  #eta(side: number): Float64Array {
    if (!this.#etas.has(side)) this.#etas.set(side, eta(side));
    const lying = this.#etas.get(side)!;
    if (this.random.uint32() & 1) return lying;
    return lying.map((_, k) => lying[(k % side) * side + Math.floor(k / side)]!);
  }
}

function oddSide(side: number, { height, width }: Size): number {
  if (side % 2 === 1) return side;
  return side < Math.min(height, width) ? side + 1 : side - 1;
}

/** A bump in the upper half of a square and a dip in the lower one, of L2 norm 1 (section 4.4). */
export function eta(side: number): Float64Array {
  const half = side >> 1;
  const values = new Float64Array(side * side);
  values.set(bump(half, side));
  values.set(
    bump(side - half, side).map((value) => -value),
    half * side,
  );
  return scaledToOne(values);
}

/** Rectangles around the middle, one in the other, each less high than the last: the sum of 1/(k+1)². */
function bump(height: number, width: number): Float64Array {
  const values = new Float64Array(height * width);
  const [top, left] = [height >> 1, width >> 1];
  for (let k = 0; k <= Math.max(top, left); k++) {
    for (let row = Math.max(0, top - k); row <= Math.min(height - 1, top + k); row++)
      for (let column = Math.max(0, left - k); column <= Math.min(width - 1, left + k); column++)
        values[row * width + column]! += 1 / (k + 1) ** 2;
  }
  return scaledToOne(values);
}

function scaledToOne(values: Float64Array): Float64Array {
  const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return length > 0 ? values.map((value) => value / length) : values;
}
