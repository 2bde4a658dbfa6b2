/** A share of n images with its 95 % Wilson score interval (Wilson 1927); `share` is undefined for n = 0. */
export interface Proportion {
  readonly n: number;
  /** May be fractional where it is a mean over draws. */
  readonly count: number;
  readonly share: number | undefined;
  readonly low: number | undefined;
  readonly high: number | undefined;
}

const Z95 = 1.959963984540054;

/** Of a mean over draws: the sum of the images' squared shares, and how many draws each image had. */
export interface Spread {
  readonly squares: number;
  readonly draws: number;
}

/**
 * Where images count with the share of their draws that are right, their spread is less than that of hits and misses:
 * Wilson's formula is given the number of images that would spread as much (the effective sample size; Korn and
 * Graubard 1998, Survey Methodology 24), at most one an image and draw. Since every image has draws of its own, the
 * interval covers both, the choice of the images and the draws.
 */
export function proportion(count: number, n: number, spread?: Spread): Proportion {
  if (n === 0) return { n, count, share: undefined, low: undefined, high: undefined };
  const p = count / n;
  const size = spread ? effectiveSize(count, n, spread) : n;
  const z2 = Z95 * Z95;
  const centre = (p + z2 / (2 * size)) / (1 + z2 / size);
  const half = (Z95 / (1 + z2 / size)) * Math.sqrt((p * (1 - p)) / size + z2 / (4 * size * size));
  // At both ends centre and half are the same but for rounding.
  const low = count === 0 ? 0 : Math.max(0, centre - half);
  const high = count === n ? 1 : Math.min(1, centre + half);
  return { n, count, share: p, low, high };
}

function effectiveSize(count: number, n: number, { squares, draws }: Spread): number {
  // Hits and misses alone: the images themselves, to the last bit.
  if (squares === count) return n;
  const p = count / n;
  const variance = squares / n - p * p;
  const most = n * Math.max(1, draws);
  return variance > 0 ? Math.min(most, Math.max(n, (n * p * (1 - p)) / variance)) : most;
}

/** How often two of an image's draws name the same class (Fleiss 1971, P_i); 1 for a single draw. */
export function agreement(classes: readonly number[]): number {
  const n = classes.length;
  if (n < 2) return 1;
  const counts = new Map<number, number>();
  for (const each of classes) counts.set(each, (counts.get(each) ?? 0) + 1);
  const pairs = [...counts.values()].reduce((sum, count) => sum + count * (count - 1), 0);
  return pairs / (n * (n - 1));
}

/**
 * (defended − attacked) / (clean − attacked) over the same images, not clipped. `null` where fewer than five images
 * were lost to the attack: the quotient would be noise.
 */
export function recoveredShare(clean: number, attacked: number, defended: number): number | null {
  return clean - attacked < 5 ? null : (defended - attacked) / (clean - attacked);
}

/** Mean of what was added; undefined before anything was. */
export class RunningMean {
  #sum = 0;
  #n = 0;

  add(value: number): void {
    this.#sum += value;
    this.#n++;
  }

  get n(): number {
    return this.#n;
  }

  get mean(): number | undefined {
    return this.#n === 0 ? undefined : this.#sum / this.#n;
  }
}

/** Mean, sample standard deviation and 95 % interval of the mean (Student's t) over repeated draws. */
export function overDraws(values: readonly number[]): {
  readonly mean: number;
  readonly deviation: number;
  readonly low: number;
  readonly high: number;
} {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n < 2) return { mean, deviation: 0, low: mean, high: mean };
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
  const half = (T975[n - 2] ?? Z95) * (deviation / Math.sqrt(n));
  return { mean, deviation, low: mean - half, high: mean + half };
}

/** 97.5 % points of Student's t for 1 … 30 degrees of freedom. */
const T975 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];
