/**
 * The smallest t in (low, high] at which something holds, as far as a few questions can tell: upwards in equal factors
 * until it holds, then halving (in factors) between that and the last at which it did not.
 */
export class ThresholdSearch {
  #asked = 0;
  /** Where it did not hold, and where it did. */
  #below: number;
  #above: number | undefined;
  #left: number;

  constructor(
    low: number,
    private readonly high: number,
    private readonly scans: number,
    halvings: number,
  ) {
    this.#below = low;
    this.#left = halvings;
  }

  /** What to ask next; undefined when there is nothing left to ask. */
  get next(): number | undefined {
    if (this.#above !== undefined) return this.#left > 0 ? Math.sqrt(this.#below * this.#above) : undefined;
    if (this.#asked === this.scans) return undefined;
    return this.#below * (this.high / this.#below) ** (1 / (this.scans - this.#asked));
  }

  tell(holds: boolean): void {
    const t = this.next;
    if (t === undefined) return;
    if (this.#above === undefined) this.#asked++;
    else this.#left--;
    if (holds) this.#above = t;
    else this.#below = t;
  }
}
