/** Value at a point; the gradient is written to its second argument. */
export type Objective = (point: Float64Array, gradient: Float64Array) => number;

export interface LbfgsOptions {
  readonly maxIterations: number;
  /** Ends when a step makes the value smaller by no more than this share of it. */
  readonly tolerance: number;
  /** How many steps the curvature is told from. */
  readonly history?: number;
}

export interface LbfgsResult {
  readonly point: Float64Array;
  readonly value: number;
  readonly iterations: number;
}

const ARMIJO = 1e-4;
const WOLFE = 0.9;
const LINE_STEPS = 30;

/**
 * Limited-memory BFGS (Nocedal 1980) with the weak Wolfe line search of Lewis and Overton (2013), which does not ask for
 * a smooth function. Each step makes the value smaller, or is the last.
 */
export function lbfgs(objective: Objective, start: Float64Array, options: LbfgsOptions): LbfgsResult {
  const { maxIterations, tolerance, history = 8 } = options;
  const n = start.length;
  let [point, gradient] = [start.slice(), new Float64Array(n)];
  let [next, nextGradient] = [new Float64Array(n), new Float64Array(n)];
  const direction = new Float64Array(n);
  const pairs: Pair[] = [];
  let value = objective(point, gradient);
  let iterations = 0;
  for (; iterations < maxIterations; iterations++) {
    towards(gradient, pairs, direction);
    const slope = dot(direction, gradient);
    if (!(slope < 0)) break;
    // The first direction is a gradient, whose length says nothing of how far to go.
    let step = pairs.length === 0 ? 1 / Math.max(1, Math.sqrt(-slope)) : 1;
    let [lower, upper] = [0, Infinity];
    let nextValue = value;
    let found = false;
    for (let k = 0; k < LINE_STEPS; k++) {
      for (let i = 0; i < n; i++) next[i] = point[i]! + step * direction[i]!;
      nextValue = objective(next, nextGradient);
      if (!(nextValue <= value + ARMIJO * step * slope)) upper = step;
      else {
        found = true;
        if (dot(nextGradient, direction) >= WOLFE * slope) break;
        lower = step;
      }
      step = upper === Infinity ? 2 * lower : (lower + upper) / 2;
    }
    if (!found || !(nextValue < value)) break;
    remember(pairs, history, point, next, gradient, nextGradient);
    const gained = value - nextValue;
    value = nextValue;
    [point, next] = [next, point];
    [gradient, nextGradient] = [nextGradient, gradient];
    if (gained <= tolerance * Math.abs(value)) break;
  }
  return { point, value, iterations };
}

/** A step, the change of the gradient over it, and 1 over their product. */
interface Pair {
  readonly s: Float64Array;
  readonly y: Float64Array;
  readonly rho: number;
}

function remember(
  pairs: Pair[],
  history: number,
  point: Float64Array,
  next: Float64Array,
  gradient: Float64Array,
  nextGradient: Float64Array,
): void {
  // The arrays of the pair that is forgotten are used again.
  const reused = pairs.length === history ? pairs.shift() : undefined;
  const s = difference(next, point, reused?.s);
  const y = difference(nextGradient, gradient, reused?.y);
  const product = dot(s, y);
  if (!(product > 1e-12 * dot(y, y))) return;
  pairs.push({ s, y, rho: 1 / product });
}

/** The two loops of Nocedal: minus the gradient, times what is known of the inverse Hessian. */
function towards(gradient: Float64Array, pairs: readonly Pair[], direction: Float64Array): void {
  for (let i = 0; i < direction.length; i++) direction[i] = -gradient[i]!;
  const alphas = new Float64Array(pairs.length);
  for (let k = pairs.length - 1; k >= 0; k--) {
    const { s, y, rho } = pairs[k]!;
    alphas[k] = rho * dot(s, direction);
    add(direction, y, -alphas[k]!);
  }
  const last = pairs.at(-1);
  if (last) {
    const scale = 1 / (last.rho * dot(last.y, last.y));
    for (let i = 0; i < direction.length; i++) direction[i]! *= scale;
  }
  pairs.forEach(({ s, y, rho }, k) => add(direction, s, alphas[k]! - rho * dot(y, direction)));
}

function difference(a: Float64Array, b: Float64Array, reused?: Float64Array): Float64Array {
  const out = reused ?? new Float64Array(a.length);
  for (let i = 0; i < out.length; i++) out[i] = a[i]! - b[i]!;
  return out;
}

function add(to: Float64Array, other: Float64Array, factor: number): void {
  for (let i = 0; i < to.length; i++) to[i]! += factor * other[i]!;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
