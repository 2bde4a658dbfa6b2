import { lbfgs, type Objective } from './lbfgs.js';

export interface TotalVariationOptions {
  /** How much the total variation counts. */
  readonly lambda: number;
  /** Of the differences between two rows, and between two columns: their sum (1) or their length (2). */
  readonly norm: 1 | 2;
  readonly maxIterations: number;
}

/** Norms are taken of values with this beside them, so that they have a gradient at 0: sqrt(sum of squares + ε²). */
export const ROUNDED_OFF = 1e-3;
const EPSILON = ROUNDED_OFF ** 2;

/**
 * Guo et al. 2018, equation (3), for one channel: ‖kept ⊙ (z - x)‖₂ + λ TV_p(z), where TV_p adds up the p-norms of the
 * differences of neighbouring rows and of neighbouring columns.
 *
 * @param plane x: [height, width] in [0, 1]
 * @param kept 1 for samples that are kept, 0 for dropped ones
 */
export function totalVariationObjective(
  plane: ArrayLike<number>,
  kept: ArrayLike<number>,
  height: number,
  width: number,
  { lambda, norm }: Pick<TotalVariationOptions, 'lambda' | 'norm'>,
): Objective {
  const variation = norm === 1 ? sumsOfSizes : sumsOfLengths;
  return (z, gradient) => {
    let squares = EPSILON;
    for (let i = 0; i < z.length; i++) {
      const off = kept[i]! * (z[i]! - plane[i]!);
      gradient[i] = off;
      squares += off * off;
    }
    const fidelity = Math.sqrt(squares);
    for (let i = 0; i < z.length; i++) gradient[i]! /= fidelity;
    return fidelity + lambda * variation(z, gradient, height, width, lambda);
  };
}

/** Of differences of neighbours; adds its gradient, times `lambda`. */
function sumsOfSizes(z: Float64Array, gradient: Float64Array, height: number, width: number, lambda: number): number {
  let sum = 0;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (y > 0) {
        const d = z[i]! - z[i - width]!;
        const size = Math.sqrt(d * d + EPSILON);
        const pull = (lambda * d) / size;
        sum += size;
        gradient[i]! += pull;
        gradient[i - width]! -= pull;
      }
      if (x > 0) {
        const d = z[i]! - z[i - 1]!;
        const size = Math.sqrt(d * d + EPSILON);
        const pull = (lambda * d) / size;
        sum += size;
        gradient[i]! += pull;
        gradient[i - 1]! -= pull;
      }
    }
  }
  return sum;
}

/** Of differences of neighbouring rows, and of neighbouring columns; adds its gradient, times `lambda`. */
function sumsOfLengths(z: Float64Array, gradient: Float64Array, height: number, width: number, lambda: number): number {
  const columns = new Float64Array(width).fill(EPSILON);
  let sum = 0;
  for (let y = 0; y < height; y++) {
    const start = y * width;
    let row = EPSILON;
    if (y > 0) for (let i = start; i < start + width; i++) row += (z[i]! - z[i - width]!) ** 2;
    for (let x = 1, i = start + 1; x < width; x++, i++) columns[x]! += (z[i]! - z[i - 1]!) ** 2;
    if (y === 0) continue;
    const length = Math.sqrt(row);
    sum += length;
    for (let i = start, scale = lambda / length; i < start + width; i++) {
      const pull = scale * (z[i]! - z[i - width]!);
      gradient[i]! += pull;
      gradient[i - width]! -= pull;
    }
  }
  for (let x = 1; x < width; x++) {
    const length = Math.sqrt(columns[x]!);
    sum += length;
    columns[x] = lambda / length;
  }
  for (let y = 0, i = 0; y < height; y++, i++) {
    for (let x = 1; x < width; x++) {
      i++;
      const pull = columns[x]! * (z[i]! - z[i - 1]!);
      gradient[i]! += pull;
      gradient[i - 1]! -= pull;
    }
  }
  return sum;
}

/** The plane that makes {@link totalVariationObjective} small; dropped samples start as means of kept neighbours. */
export function minimiseTotalVariation(
  plane: Float64Array,
  kept: ArrayLike<number>,
  height: number,
  width: number,
  options: TotalVariationOptions,
): { readonly plane: Float64Array; readonly value: number } {
  const objective = totalVariationObjective(plane, kept, height, width, options);
  const start = filledIn(plane, kept, height, width);
  const { point, value } = lbfgs(objective, start, { maxIterations: options.maxIterations, tolerance: 1e-6 });
  return { plane: point, value };
}

/** Kept samples as they are; dropped ones the mean of those kept in the smallest square around them that has any. */
function filledIn(plane: Float64Array, kept: ArrayLike<number>, height: number, width: number): Float64Array {
  return plane.map((value, i) => {
    if (kept[i] === 1) return value;
    const [y, x] = [Math.floor(i / width), i % width];
    for (let reach = 1; reach < Math.max(height, width); reach++) {
      let [sum, count] = [0, 0];
      for (let v = Math.max(0, y - reach); v <= Math.min(height - 1, y + reach); v++) {
        for (let u = Math.max(0, x - reach); u <= Math.min(width - 1, x + reach); u++) {
          if (kept[v * width + u] !== 1) continue;
          sum += plane[v * width + u]!;
          count++;
        }
      }
      if (count > 0) return sum / count;
    }
    return 0.5;
  });
}
