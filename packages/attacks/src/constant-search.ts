/**
 * Carlini and Wagner's search for the constant of each image (2017, section VI.A): ten times as much after a failure
 * while none has succeeded, then bisection between the largest that failed and the smallest that succeeded.
 */
export class ConstantSearch {
  readonly #low: Float64Array;
  readonly #high: Float64Array;
  readonly #constant: Float64Array;

  constructor(images: number, initial: number) {
    this.#low = new Float64Array(images);
    this.#high = new Float64Array(images).fill(Infinity);
    this.#constant = new Float64Array(images).fill(initial);
  }

  /** The constants to try next, for the images that are named. */
  constants(images: readonly number[]): Float32Array {
    return Float32Array.from(images, (i) => this.#constant[i]!);
  }

  tried(image: number, success: boolean): void {
    const constant = this.#constant[image]!;
    if (success) this.#high[image] = Math.min(this.#high[image]!, constant);
    else this.#low[image] = Math.max(this.#low[image]!, constant);
    const high = this.#high[image]!;
    this.#constant[image] = high < Infinity ? (this.#low[image]! + high) / 2 : constant * 10;
  }
}
