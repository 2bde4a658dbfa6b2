/**
 * The iterations at which APGD looks back, w₁ … (Croce and Hein 2020a, section 3.2): ⌈pⱼ·steps⌉ with p₀ = 0, p₁ = 0.22
 * and pⱼ₊₁ = pⱼ + max(pⱼ − pⱼ₋₁ − 0.03, 0.06), as far as pⱼ ≤ 1.
 */
export function checkpointsOf(steps: number): number[] {
  const checkpoints: number[] = [];
  // In hundredths: sums of 0.22 and 0.19 are not exact, and a ceiling makes much of little.
  let period = 22;
  for (let at = 22; at <= 100; at += period) {
    const k = Math.ceil((at * steps) / 100);
    if (k !== checkpoints.at(-1)) checkpoints.push(k);
    period = Math.max(period - 3, 6);
  }
  return checkpoints;
}

export interface Observed {
  /** Whether this point has the largest loss so far. */
  readonly best: boolean;
  /** Whether the step size has been halved, and the search is to go on from the best point. */
  readonly back: boolean;
}

/**
 * The step size of one image in APGD (Croce and Hein 2020a, algorithm 1): halved at a checkpoint where the loss went up
 * in fewer than ρ of the steps since the last one (condition 1), or where neither step size nor best loss have changed
 * since then (condition 2).
 */
export class StepSize {
  readonly #checkpoints: ReadonlySet<number>;
  readonly #rho: number;
  #size: number;
  #last: number;
  #best: number;
  #rises = 0;
  #since = 0;
  #sizeThen: number;
  #bestThen: number;

  /**
   * @param size at first: 2·eps
   * @param loss at the start
   */
  constructor(checkpoints: readonly number[], rho: number, size: number, loss: number) {
    this.#checkpoints = new Set(checkpoints);
    this.#rho = rho;
    this.#size = this.#sizeThen = size;
    this.#last = this.#best = this.#bestThen = loss;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * @param k which step led here: 1, 2, …
   * @param loss of the point it led to; one that is NaN counts as no rise
   */
  observe(k: number, loss: number): Observed {
    if (loss > this.#last) this.#rises++;
    this.#last = loss;
    const best = loss > this.#best;
    if (best) this.#best = loss;
    return { best, back: this.#checkpoints.has(k) && this.#lookBack(k) };
  }

  #lookBack(k: number): boolean {
    const tooFewRises = this.#rises < this.#rho * (k - this.#since);
    const stuck = this.#sizeThen === this.#size && this.#bestThen === this.#best;
    this.#rises = 0;
    this.#since = k;
    this.#sizeThen = this.#size;
    this.#bestThen = this.#best;
    if (!tooFewRises && !stuck) return false;
    this.#size /= 2;
    // The next step starts at the best point, whose loss is the one to rise above.
    this.#last = this.#best;
    return true;
  }
}
