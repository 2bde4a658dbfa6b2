/** Which way values go: up by theta as in the paper, down, or each the way that helps more. */
export type Direction = 'up' | 'down' | 'both';

/**
 * The values of one image that JSMA has changed, and which it may still change. A value goes one way only, so that no
 * two steps undo each other.
 */
export class Saliency {
  readonly #ways: Int8Array;
  #changed = 0;

  /**
   * @param pixels h·w·3 values in [0, 1], changed in place
   * @param most how many of them may be changed
   */
  constructor(
    readonly pixels: Float32Array,
    private readonly most: number,
  ) {
    this.#ways = new Int8Array(pixels.length);
  }

  /**
   * Changes those `count` values by theta whose derivatives are the largest.
   *
   * @param slope derivative of the objective by each value
   * @returns how many were changed; 0 where nothing is left that would help
   */
  step(slope: Float32Array, count: number, theta: number, direction: Direction): number {
    const chosen = this.#largest(slope, count, direction);
    for (const k of chosen) {
      const way = direction === 'both' ? Math.sign(slope[k]!) : direction === 'up' ? 1 : -1;
      if (this.#ways[k] === 0) this.#changed++;
      this.#ways[k] = way;
      this.pixels[k] = Math.min(1, Math.max(0, this.pixels[k]! + way * theta));
    }
    return chosen.length;
  }

  #largest(slope: Float32Array, count: number, direction: Direction): number[] {
    const chosen: number[] = [];
    const gains: number[] = [];
    let fresh = this.most - this.#changed;
    for (let k = 0; k < slope.length; k++) {
      const gain = direction === 'both' ? Math.abs(slope[k]!) : direction === 'up' ? slope[k]! : -slope[k]!;
      // Never true of NaN, nor of a value that would change for the worse.
      if (!(gain > 0) || (chosen.length === count && gain <= gains[count - 1]!)) continue;
      if (!this.#free(k, slope[k]!, direction) || (fresh <= 0 && this.#ways[k] === 0)) continue;
      const at = gains.findIndex((other) => gain > other);
      chosen.splice(at < 0 ? chosen.length : at, 0, k);
      gains.splice(at < 0 ? gains.length : at, 0, gain);
      chosen.length = gains.length = Math.min(count, chosen.length);
    }
    // The last step may have more values to choose from than are left to change.
    return chosen.filter((k) => this.#ways[k] !== 0 || fresh-- > 0);
  }

  #free(k: number, slope: number, direction: Direction): boolean {
    const up = direction === 'up' || (direction === 'both' && slope > 0);
    return (up ? this.pixels[k]! < 1 : this.pixels[k]! > 0) && this.#ways[k] !== (up ? -1 : 1);
  }
}
