import type { Random } from '@shield/core';
import type { Pixels } from './queries.js';
import {
  CHANNELS,
  clip,
  drawWindow,
  forEachValue,
  sideOf,
  sign,
  type Size,
  type Squares,
  type Window,
} from './square-window.js';

/** Draws of a square that changes nothing before it is asked about all the same. */
const REDRAWS = 10;

/**
 * Squares of one colour each, ±eps in every channel (Andriushchenko et al. 2020, algorithm 2), on a start of vertical
 * stripes.
 */
export class LinfSquares implements Squares {
  readonly image: Pixels;
  #before: { readonly window: Window; readonly pixels: Float32Array } | undefined;

  constructor(
    private readonly clean: Pixels,
    private readonly size: Size,
    private readonly eps: number,
    private readonly random: Random,
  ) {
    const stripes = Array.from({ length: size.width * CHANNELS }, () => sign(random));
    this.image = clean.map((value, i) => clip(value + eps * stripes[i % stripes.length]!));
  }

  propose(share: number): void {
    for (let drawn = 0; drawn < REDRAWS; drawn++) {
      const window = drawWindow(sideOf(share, this.size, 1), this.size, this.random);
      this.#before = { window, pixels: this.#read(window) };
      const colour = Array.from({ length: CHANNELS }, () => this.eps * sign(this.random));
      let changed = false;
      forEachValue(window, this.size.width, (i) => {
        const value = Math.fround(clip(this.clean[i]! + colour[i % CHANNELS]!));
        changed ||= value !== this.image[i];
        this.image[i] = value;
      });
      if (changed) return;
    }
  }

  takeBack(): void {
    if (!this.#before) return;
    const { window, pixels } = this.#before;
    let k = 0;
    forEachValue(window, this.size.width, (i) => (this.image[i] = pixels[k++]!));
  }

  #read(window: Window): Float32Array {
    const pixels = new Float32Array(window.side ** 2 * CHANNELS);
    let k = 0;
    forEachValue(window, this.size.width, (i) => (pixels[k++] = this.image[i]!));
    return pixels;
  }
}
