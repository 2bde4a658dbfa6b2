/** Filters by the names that specs use. */
export type Interpolation = 'nearest' | 'box' | 'bilinear' | 'bilinear_tf1' | 'bicubic' | 'lanczos';
/** Those of Pillow that have weights. */
export type Filter = Exclude<Interpolation, 'nearest' | 'bilinear_tf1'>;

/** Where one line of the source goes into each sample of the result, and with what weight. */
export interface Taps {
  /** Samples at most that one result sample takes; the stride of `weights`. */
  readonly size: number;
  /** First source sample and number of samples, for each result sample: [first, count, first, count, …]. */
  readonly bounds: Int32Array;
  /** `size` weights for each result sample, of sum 1. */
  readonly weights: Float64Array;
  /** The weights times 2^22, rounded, for bytes. */
  readonly fixed: Int32Array;
}

/** Pillow's fixed point: 32 bits less 8 for the sample and 2 for the overshoot of the filter. */
export const PRECISION_BITS = 32 - 8 - 2;

const SUPPORT: Readonly<Record<Filter, number>> = { box: 0.5, bilinear: 1, bicubic: 2, lanczos: 3 };

const KERNEL: Readonly<Record<Filter, (x: number) => number>> = {
  box: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0),
  bilinear: (x) => Math.max(0, 1 - Math.abs(x)),
  bicubic: (signed) => {
    const a = -0.5; // Keys 1981; OpenCV and PyTorch without antialias take -0.75
    const x = Math.abs(signed);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
  },
  lanczos: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0),
};

const KEPT = 64;
const cache = new Map<string, Taps>();

/**
 * The weights for scaling a line of `from` samples to `to`, as Pillow's `precompute_coeffs` has them: the filter is
 * stretched by the scale when the line shrinks, and cut off and normalised at the ends. Kept for the sizes used last.
 */
export function taps(from: number, to: number, filter: Filter): Taps {
  const key = `${filter} ${from} ${to}`;
  const known = cache.get(key);
  if (known) return known;
  if (cache.size === KEPT) cache.delete(cache.keys().next().value!);
  const made = makeTaps(from, to, filter);
  cache.set(key, made);
  return made;
}

function makeTaps(from: number, to: number, filter: Filter): Taps {
  const kernel = KERNEL[filter];
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = SUPPORT[filter] * stretch;
  const size = Math.ceil(support) * 2 + 1;
  const bounds = new Int32Array(2 * to);
  const weights = new Float64Array(size * to);
  for (let i = 0; i < to; i++) {
    const center = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(center - support + 0.5), 0);
    const count = Math.min(Math.trunc(center + support + 0.5), from) - first;
    let sum = 0;
    for (let k = 0; k < count; k++) {
      const weight = kernel((k + first - center + 0.5) * (1 / stretch));
      weights[i * size + k] = weight;
      sum += weight;
    }
    for (let k = 0; k < count; k++) if (sum !== 0) weights[i * size + k]! /= sum;
    bounds[2 * i] = first;
    bounds[2 * i + 1] = count;
  }
  const one = 2 ** PRECISION_BITS;
  return { size, bounds, weights, fixed: Int32Array.from(weights, (w) => Math.trunc(w * one + (w < 0 ? -0.5 : 0.5))) };
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}
