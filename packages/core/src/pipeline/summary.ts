import { RunningMean, overDraws, proportion, recoveredShare, type Proportion } from '../report/statistics.js';
import type { CurveNorm } from '../report/robustness.js';
import { hit, hitShare, type AttackRow, type PredictionRow } from './rows.js';

/** Accuracy for each k of `evaluate.top`, over all images; random defenses also over their draws. */
export interface Accuracy {
  readonly top: Readonly<Record<string, Proportion>>;
  /** Top-1 over the draws of a random defense. */
  readonly draws?: {
    readonly n: number;
    readonly mean: number;
    readonly deviation: number;
    readonly low: number;
    readonly high: number;
  };
}

export interface DefenseSummary {
  readonly accuracy: Accuracy;
  /** Against the attack as it left the attacker, and against its images rounded to 8 bits; null below 5 lost images. */
  readonly recovered: { readonly float: number | null; readonly rounded: number | null };
  readonly seconds: number;
}

export interface AttackSummary {
  /** In an adaptive threat: the attack of the spec that this is, and the defense that it was made to go through. */
  readonly against?: { readonly attack: string; readonly defense: string };
  /** Images it was let loose on. */
  readonly attacked: number;
  /** Over the images rightly classified at first (those attacked); of an adaptive attack, behind the defense. */
  readonly success: Proportion;
  readonly successRounded: Proportion;
  readonly float: Accuracy;
  readonly rounded: Accuracy;
  readonly l2: Norms;
  readonly linf: Norms;
  readonly l0: Norms;
  readonly normalizedL2: Norms;
  /** On [−1, 1], over all images, as the paper's tables have it. */
  readonly normalizedL2Original: Norms;
  readonly iterations: number | undefined;
  readonly forwards: number | undefined;
  readonly gradients: number | undefined;
  readonly failures: number;
  /** The distances of the successes in the attack's norm, sorted: where each image fell. */
  readonly curve: { readonly norm: CurveNorm; readonly distances: readonly number[] };
  readonly seconds: number;
  readonly defenses: Readonly<Record<string, DefenseSummary>>;
}

/** The mean over all attacked images, and the mean and median over those on which the attack succeeded. */
export interface Norms {
  readonly meanAll: number | undefined;
  readonly meanSuccess: number | undefined;
  readonly medianSuccess: number | undefined;
}

export interface Summary {
  readonly images: number;
  readonly dropped: readonly { readonly id: string; readonly reason: string }[];
  readonly clean: Accuracy;
  readonly cleanSeconds: number;
  readonly cleanDefended: Readonly<Record<string, Accuracy>>;
  readonly attacks: Readonly<Record<string, AttackSummary>>;
}

/** Counts hits row by row, so that memory does not grow with the images. */
export class AccuracyCounter {
  #n = 0;
  readonly #hits: Map<number, number>;
  #byDraw: number[] = [];

  constructor(private readonly ks: readonly number[]) {
    this.#hits = new Map(ks.map((k) => [k, 0]));
  }

  add(row: PredictionRow): void {
    this.#n++;
    for (const k of this.ks) this.#hits.set(k, this.#hits.get(k)! + hitShare(row, k));
    row.draws.forEach((draw, d) => (this.#byDraw[d] = (this.#byDraw[d] ?? 0) + (hit(draw, row.label, 1) ? 1 : 0)));
  }

  hits(k: number): number {
    return this.#hits.get(k) ?? 0;
  }

  get result(): Accuracy {
    const top = Object.fromEntries(this.ks.map((k) => [String(k), proportion(this.#hits.get(k)!, this.#n)]));
    if (this.#byDraw.length < 2) return { top };
    const { mean, deviation, low, high } = overDraws(this.#byDraw.map((hits) => hits / this.#n));
    return { top, draws: { n: this.#byDraw.length, mean, deviation, low, high } };
  }
}

/** Norms of one attack; keeps one number an attacked image, for the median. */
export class NormsCounter {
  readonly #all = new RunningMean();
  readonly #successes: number[] = [];

  add(value: number, success: boolean): void {
    this.#all.add(value);
    if (success) this.#successes.push(value);
  }

  /** In order of size. */
  get successes(): readonly number[] {
    return Array.from(Float64Array.from(this.#successes).sort());
  }

  get result(): Norms {
    const sorted = this.successes;
    const n = sorted.length;
    return {
      meanAll: this.#all.mean,
      meanSuccess: n === 0 ? undefined : sorted.reduce((sum, value) => sum + value, 0) / n,
      medianSuccess: n === 0 ? undefined : (sorted[(n - 1) >> 1]! + sorted[n >> 1]!) / 2,
    };
  }
}

/** Everything that the attack's own rows say. */
export class AttackCounter {
  /** @param norm of the attack */
  constructor(private readonly norm: CurveNorm = 'l2') {}

  #attacked = 0;
  #successes = 0;
  #successesRounded = 0;
  #failures = 0;
  readonly #l0 = new NormsCounter();
  readonly #l2 = new NormsCounter();
  readonly #linf = new NormsCounter();
  readonly #normalized = new NormsCounter();
  readonly #normalizedOriginal = new NormsCounter();
  readonly #iterations = new RunningMean();
  readonly #forwards = new RunningMean();
  readonly #gradients = new RunningMean();

  /** @param successRounded whether the image still does its work after rounding to 8 bits */
  add(row: AttackRow, successRounded: boolean): void {
    if (!row.attacked) return;
    this.#attacked++;
    if (row.success) this.#successes++;
    if (successRounded) this.#successesRounded++;
    if (row.failure !== undefined) this.#failures++;
    this.#l0.add(row.l0, row.success);
    this.#l2.add(row.l2, row.success);
    this.#linf.add(row.linf, row.success);
    this.#normalized.add(row.normalizedL2, row.success);
    this.#normalizedOriginal.add(row.normalizedL2Original, row.success);
    this.#iterations.add(row.iterations);
    this.#forwards.add(row.forwards);
    this.#gradients.add(row.gradients);
  }

  get result(): Omit<AttackSummary, 'float' | 'rounded' | 'seconds' | 'defenses'> {
    return {
      attacked: this.#attacked,
      success: proportion(this.#successes, this.#attacked),
      successRounded: proportion(this.#successesRounded, this.#attacked),
      l0: this.#l0.result,
      l2: this.#l2.result,
      linf: this.#linf.result,
      normalizedL2: this.#normalized.result,
      normalizedL2Original: this.#normalizedOriginal.result,
      iterations: this.#iterations.mean,
      forwards: this.#forwards.mean,
      gradients: this.#gradients.mean,
      failures: this.#failures,
      curve: { norm: this.norm, distances: { l0: this.#l0, l2: this.#l2, linf: this.#linf }[this.norm].successes },
    };
  }
}

/** Recovered share of one defense on the same images, in both readings. */
export function recovered(
  clean: AccuracyCounter,
  float: AccuracyCounter,
  rounded: AccuracyCounter,
  defended: AccuracyCounter,
): DefenseSummary['recovered'] {
  return {
    float: recoveredShare(clean.hits(1), float.hits(1), defended.hits(1)),
    rounded: recoveredShare(clean.hits(1), rounded.hits(1), defended.hits(1)),
  };
}
