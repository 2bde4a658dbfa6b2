import { hit, hitShare, type PredictionRow } from '../rows.js';
import { MemberCounter, type EnsembleFigures } from './ensemble-figures.js';
import { agreement, overDraws, proportion, type Proportion } from './statistics.js';

/** Accuracy for each k of `evaluate.top`, over all images; random defenses also over their draws. */
export interface Accuracy {
  /** The intervals are over images; of a random defense each image counts with the share of its draws. */
  readonly top: Readonly<Record<string, Proportion>>;
  /** Top-1 over the draws of a random defense. */
  readonly draws?: DrawFigures;
  /** Of an ensemble: what its members say. */
  readonly ensemble?: EnsembleFigures;
}

export interface DrawFigures {
  readonly n: number;
  /** Of the accuracies of the draws, each over all images; the interval is that of their mean (Student's t). */
  readonly mean: number;
  readonly deviation: number;
  readonly low: number;
  readonly high: number;
  /** Standard deviation over images of the share of draws that are right. */
  readonly imageDeviation: number;
  /** Mean over images of how often two of its draws name the same class. */
  readonly agreement: number;
  /** Share of the images of which all draws name the same class. */
  readonly unanimous: number;
}

/** Counts hits row by row, so that memory does not grow with the images. */
export class AccuracyCounter {
  #n = 0;
  readonly #hits: Map<number, { sum: number; squares: number }>;
  readonly #byDraw: number[] = [];
  #agreement = 0;
  #unanimous = 0;
  readonly #members: MemberCounter | undefined;

  /** @param members of an ensemble, by their names */
  constructor(
    private readonly ks: readonly number[],
    members?: readonly string[],
  ) {
    // Top-1 always: that is what draws are told of.
    this.#hits = new Map([1, ...ks].map((k) => [k, { sum: 0, squares: 0 }]));
    this.#members = members && new MemberCounter(members);
  }

  add(row: PredictionRow): void {
    this.#n++;
    for (const [k, entry] of this.#hits) {
      const share = hitShare(row, k);
      entry.sum += share;
      entry.squares += share * share;
    }
    row.draws.forEach((draw, d) => (this.#byDraw[d] = (this.#byDraw[d] ?? 0) + (hit(draw, row.label, 1) ? 1 : 0)));
    const agrees = agreement(row.draws.map(({ top }) => top[0]!));
    this.#agreement += agrees;
    if (agrees === 1) this.#unanimous++;
    this.#members?.add(row);
  }

  hits(k: number): number {
    return this.#hits.get(k)?.sum ?? 0;
  }

  get result(): Accuracy {
    const draws = this.#byDraw.length;
    const top = this.ks.map((k) => {
      const { sum, squares } = this.#hits.get(k)!;
      return [String(k), proportion(sum, this.#n, { squares, draws })] as const;
    });
    return {
      top: Object.fromEntries(top),
      ...(draws > 1 ? { draws: this.#drawFigures() } : {}),
      ...(this.#members ? { ensemble: this.#members.result } : {}),
    };
  }

  #drawFigures(): DrawFigures {
    const { sum, squares } = this.#hits.get(1)!;
    const n = this.#n;
    return {
      n: this.#byDraw.length,
      ...overDraws(this.#byDraw.map((hits) => hits / n)),
      imageDeviation: n < 2 ? 0 : Math.sqrt(Math.max(0, squares - (sum * sum) / n) / (n - 1)),
      agreement: this.#agreement / n,
      unanimous: this.#unanimous / n,
    };
  }
}
