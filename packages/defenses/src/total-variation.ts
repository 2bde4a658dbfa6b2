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
  const epsilon = ROUNDED_OFF ** 2;
  const columnSquares = new Float64Array(width);
  return (z, gradient) => {
    let squares = epsilon;
    for (let i = 0; i < z.length; i++) {
      const off = kept[i]! * (z[i]! - plane[i]!);
      gradient[i] = off;
      squares += off * off;
    }
    const fidelity = Math.sqrt(squares);
    for (let i = 0; i < z.length; i++) gradient[i]! /= fidelity;
    let variation = 0;
    const pull = (i: number, j: number, slope: number) => {
      gradient[i]! += lambda * slope;
      gradient[j]! -= lambda * slope;
    };
    if (norm === 1) {
      const one = (i: number, j: number) => {
        const d = z[i]! - z[j]!;
        const size = Math.sqrt(d * d + epsilon);
        variation += size;
        pull(i, j, d / size);
      };
      for (let i = width; i < z.length; i++) one(i, i - width);
      for (let i = 0; i < z.length; i++) if (i % width !== 0) one(i, i - 1);
      return fidelity + lambda * variation;
    }
    for (let y = 1; y < height; y++) {
      let sum = epsilon;
      for (let i = y * width; i < (y + 1) * width; i++) sum += (z[i]! - z[i - width]!) ** 2;
      const length = Math.sqrt(sum);
      variation += length;
      for (let i = y * width; i < (y + 1) * width; i++) pull(i, i - width, (z[i]! - z[i - width]!) / length);
    }
    columnSquares.fill(epsilon);
    for (let y = 0, i = 0; y < height; y++, i++) {
      for (let x = 1; x < width; x++) columnSquares[x]! += (z[++i]! - z[i - 1]!) ** 2;
    }
    for (let x = 1; x < width; x++) {
      const length = Math.sqrt(columnSquares[x]!);
      columnSquares[x] = length;
      variation += length;
    }
    for (let y = 0, i = 0; y < height; y++, i++) {
      for (let x = 1; x < width; x++) {
        i++;
        pull(i, i - 1, (z[i]! - z[i - 1]!) / columnSquares[x]!);
      }
    }
    return fidelity + lambda * variation;
  };
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
