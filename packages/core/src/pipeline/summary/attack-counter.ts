import type { AttackRow } from '../rows.js';
import { RunningMean, proportion } from './statistics.js';
import type { AttackSummary, ImageTrouble, Norms } from './summary.js';

/** Of how many failures of an attack the summary names the images. */
const FAILURES_NAMED = 5;

/** Norms of one attack; keeps one number an attacked image, for the median. */
export class NormsCounter {
  readonly #all = new RunningMean();
  readonly #successes: number[] = [];

  add(value: number, success: boolean): void {
    this.#all.add(value);
    if (success) this.#successes.push(value);
  }

  get result(): Norms {
    const sorted = Float64Array.from(this.#successes).sort();
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
  #attacked = 0;
  readonly #leftOut = { misclassified: 0, target: 0, unusable: 0 };
  #successes = 0;
  #successesRounded = 0;
  #successesOnSource: number | undefined;
  #failures = 0;
  readonly #failed: ImageTrouble[] = [];
  #beforeGrid: { successes: number; readonly l2: NormsCounter; readonly linf: NormsCounter } | undefined;
  readonly #by = new Map<string, number>();
  readonly #flags = new Map<string, number>();
  readonly #l0 = new NormsCounter();
  readonly #l1 = new NormsCounter();
  readonly #l2 = new NormsCounter();
  readonly #linf = new NormsCounter();
  readonly #normalized = new NormsCounter();
  readonly #normalizedOriginal = new NormsCounter();
  readonly #iterations = new RunningMean();
  readonly #forwards = new RunningMean();
  readonly #gradients = new RunningMean();

  /** @param successRounded whether the image still does its work after rounding to 8 bits */
  add(row: AttackRow, successRounded: boolean): void {
    if (row.leftOut) this.#leftOut[row.leftOut]++;
    if (!row.attacked) return;
    this.#attacked++;
    if (row.success) this.#successes++;
    if (successRounded) this.#successesRounded++;
    if (row.successOnSource !== undefined)
      this.#successesOnSource = (this.#successesOnSource ?? 0) + (row.successOnSource ? 1 : 0);
    if (row.failure !== undefined) {
      this.#failures++;
      if (this.#failed.length < FAILURES_NAMED) this.#failed.push({ id: row.id, reason: row.failure });
    }
    if (row.by !== undefined && row.success) this.#by.set(row.by, (this.#by.get(row.by) ?? 0) + 1);
    for (const flag of row.flags ?? []) this.#flags.set(flag, (this.#flags.get(flag) ?? 0) + 1);
    this.#l0.add(row.l0, row.success);
    this.#l1.add(row.l1, row.success);
    this.#l2.add(row.l2, row.success);
    this.#linf.add(row.linf, row.success);
    this.#normalized.add(row.normalizedL2, row.success);
    this.#normalizedOriginal.add(row.normalizedL2Original, row.success);
    this.#iterations.add(row.iterations);
    this.#forwards.add(row.forwards);
    this.#gradients.add(row.gradients);
    if (row.beforeGrid) this.#addBefore(row.beforeGrid);
  }

  #addBefore({ success, l2, linf }: NonNullable<AttackRow['beforeGrid']>): void {
    this.#beforeGrid ??= { successes: 0, l2: new NormsCounter(), linf: new NormsCounter() };
    if (success) this.#beforeGrid.successes++;
    this.#beforeGrid.l2.add(l2, success);
    this.#beforeGrid.linf.add(linf, success);
  }

  get result(): Omit<AttackSummary, 'float' | 'rounded' | 'seconds' | 'defenses'> {
    return {
      attacked: this.#attacked,
      leftOut: this.#leftOut,
      success: proportion(this.#successes, this.#attacked),
      successRounded: proportion(this.#successesRounded, this.#attacked),
      ...(this.#successesOnSource === undefined
        ? {}
        : { successOnSource: proportion(this.#successesOnSource, this.#attacked) }),
      ...(this.#beforeGrid
        ? {
            beforeGrid: {
              success: proportion(this.#beforeGrid.successes, this.#attacked),
              l2: this.#beforeGrid.l2.result,
              linf: this.#beforeGrid.linf.result,
            },
          }
        : {}),
      l0: this.#l0.result,
      l1: this.#l1.result,
      l2: this.#l2.result,
      linf: this.#linf.result,
      normalizedL2: this.#normalized.result,
      normalizedL2Original: this.#normalizedOriginal.result,
      iterations: this.#iterations.mean,
      forwards: this.#forwards.mean,
      gradients: this.#gradients.mean,
      failures: this.#failures,
      failed: this.#failed,
      by: Object.fromEntries(this.#by),
      flags: Object.fromEntries(this.#flags),
    };
  }
}
