import type { Sweeper } from './sweeper.js';

const f32 = Math.fround;

/** The sweeps in plain TypeScript: what the WebAssembly ones are held to, and what runs where there is no WebAssembly. */
export function referenceSweeper(height: number, width: number): Sweeper {
  const row = (width + 2) * 4;
  const u = new Float32Array((height + 2) * row);
  const zeros = () => new Float32Array(u.length);
  // A sweep needs of the shrunk gradients d and the Bregman variables b: b itself, and the difference e = d - b.
  const state: State = { u, fidelity: zeros(), bx: zeros(), by: zeros(), ex: zeros(), ey: zeros() };
  const sums = new Float64Array(4);
  let weight = 0;
  return {
    u,
    begin: (given) => {
      weight = f32(given);
      for (let i = 0; i < u.length; i++) state.fidelity[i] = weight * u[i]!;
    },
    sweep: (isotropic) => {
      for (let channel = 0; channel < 4; channel++) {
        let squares = 0;
        for (let y = 1; y <= height; y++)
          squares = sweepRow(state, y * row + 4 + channel, row, weight, isotropic, squares);
        sums[channel] = squares;
      }
      return sums;
    },
  };
}

interface State {
  readonly u: Float32Array;
  readonly fidelity: Float32Array;
  readonly bx: Float32Array;
  readonly by: Float32Array;
  readonly ex: Float32Array;
  readonly ey: Float32Array;
}

/** One row of one channel from `start`; gives the sum of squared changes, added to that of the rows before. */
function sweepRow(
  { u, fidelity, bx, by, ex, ey }: State,
  start: number,
  row: number,
  weight: number,
  isotropic: boolean,
  squaresBefore: number,
): number {
  const lambda = f32(2 * weight);
  const scale = f32(1 / f32(9 * weight));
  const most = f32(1 / lambda);
  let squares = squaresBefore;
  for (let i = start, end = start + row - 8; i < end; i += 4) {
    const before = u[i]!;
    const right = u[i + 4]!;
    const below = u[i + row]!;
    const pull = f32(f32(ex[i - 4]! - ex[i]!) + f32(ey[i - row]! - ey[i]!));
    const around = f32(f32(f32(f32(below + right) + u[i - row]!) + pull) + u[i - 4]!);
    const after = f32(f32(f32(lambda * around) + fidelity[i]!) * scale);
    u[i] = after;
    const change = f32(after - before);
    squares += change * change;
    const x = f32(f32(right - before) + bx[i]!);
    const y = f32(f32(below - before) + by[i]!);
    if (isotropic) {
      // Shrinking by s λ / (s λ + 1), s the length, leaves 1 / (s λ + 1) of the gradient to b.
      const length = f32(Math.sqrt(f32(f32(x * x) + f32(y * y))));
      const rest = f32(1 / f32(f32(length * lambda) + 1));
      bx[i] = f32(x * rest);
      by[i] = f32(y * rest);
    } else {
      // Soft thresholding by 1/λ leaves to b what it takes away.
      bx[i] = x > most ? most : x < -most ? -most : x;
      by[i] = y > most ? most : y < -most ? -most : y;
    }
    ex[i] = f32(f32(x - bx[i]!) - bx[i]!);
    ey[i] = f32(f32(y - by[i]!) - by[i]!);
  }
  return squares;
}
