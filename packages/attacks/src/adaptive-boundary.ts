import type { AttackInput, AttackOutput, Cost, Random } from '@shield/core';
import { BEYOND, compilePlanes, type Planes } from './adaptive-boundary-planes.js';
import { WRONG_BY } from './apgd-best-images.js';
import { otherClasses } from './apgd-other-classes.js';
import { lengthOf, project, type Plane } from './fab-projection.js';
import { stack } from './stack.js';

export interface AdaptiveBoundary {
  readonly norm: Plane['norm'];
  /** In [0, 1] units. */
  readonly eps: number;
  readonly steps: number;
  readonly restarts: number;
  /** How often the steps are taken, each time towards the next classes in the order of their logits. */
  readonly aims: number;
  /** Classes looked at in each step, of which it goes to the nearest; a gradient each. */
  readonly candidates: number;
  readonly alphaMax: number;
  readonly eta: number;
  readonly beta: number;
  readonly finalSearch: number;
  readonly earlyStop: boolean;
}

export function costOfAdaptiveBoundary(
  how: Pick<AdaptiveBoundary, 'steps' | 'restarts' | 'aims' | 'candidates' | 'finalSearch'>,
): Cost {
  const steps = how.steps * how.restarts * how.aims;
  const last = how.finalSearch > 0 ? 1 + how.finalSearch : 0;
  return { forwards: 1 + steps + last, gradients: how.candidates * steps };
}

/** What is known of one image. */
interface Search {
  readonly image: number;
  readonly clean: Float32Array;
  /** The smallest misclassified change so far; Infinity while there is none. */
  length: number;
  best: Float32Array;
  /** By how much the model is right about it. */
  right: number;
}

/**
 * FAB (Croce and Hein 2020b, algorithm 1) for all images of a batch side by side, towards one class after the other or
 * always to the nearest of several.
 */
export async function adaptiveBoundary(input: AttackInput, how: AdaptiveBoundary): Promise<AttackOutput> {
  const { images, labels } = input;
  const [, ...size] = images.shape;
  const pixels = (await images.data()) as Float32Array;
  const length = size[0] * size[1] * size[2];
  const searches = Array.from(labels, (_, image): Search => {
    const clean = pixels.slice(image * length, (image + 1) * length);
    return { image, clean, length: Infinity, best: clean, right: NaN };
  });
  const iterations = new Int32Array(labels.length);
  const planes = compilePlanes(input, how);
  await walk(input, how, { searches, planes, iterations });
  await searchLines(planes, searches, how.finalSearch);
  return {
    images: stack(
      searches.map(({ best }) => best),
      size,
    ),
    iterations,
  };
}

interface Walk {
  readonly searches: readonly Search[];
  readonly planes: Planes;
  readonly iterations: Int32Array;
}

async function walk(input: AttackInput, how: AdaptiveBoundary, { searches, planes, iterations }: Walk): Promise<void> {
  const others = await otherClasses(input, how.aims * how.candidates);
  const aims = Math.ceil((others[0]?.length ?? 0) / how.candidates);
  const of = aims * how.restarts * how.steps;
  const wanted = ({ length }: Search) => !(how.earlyStop && length <= how.eps);
  let done = 0;
  for (let aim = 0; aim < aims; aim++) {
    const classes = others.map((row) => row.slice(aim * how.candidates, (aim + 1) * how.candidates));
    for (let restart = 0; restart < how.restarts; restart++) {
      const draw = aim * how.restarts + restart;
      const points = new Map(
        searches.map((s) => [s, restart === 0 ? s.clean.slice() : nearby(s, input.random(s.image, draw), how)]),
      );
      for (let k = 0; k < how.steps; k++) {
        const active = searches.filter(wanted);
        if (active.length === 0) return;
        const rows = active.map(({ image }) => image);
        const at = active.map((s) => points.get(s)!);
        const { normals, gaps } = await planes.nearest(rows, at, classes);
        const next = active.map((s, row) => {
          const normal = normals.subarray(row * s.clean.length, (row + 1) * s.clean.length);
          return step(at[row]!, s.clean, { normal, gap: gaps[row]!, norm: how.norm }, how);
        });
        const right = await planes.right(rows, next);
        active.forEach((s, row) => {
          iterations[s.image]!++;
          points.set(s, right[row]! < -WRONG_BY ? found(s, next[row]!, right[row]!, how) : next[row]!);
        });
        await input.checkpoint({ done: ++done, of });
      }
    }
  }
}

/** One step (equations 8 to 10): between the projections of the point and of the clean image, beyond the boundary. */
function step(x: Float32Array, clean: Float32Array, plane: Plane, how: AdaptiveBoundary): Float32Array {
  const { eta, alphaMax } = how;
  const { normal, gap, norm } = plane;
  const here = project(x, plane);
  const fromClean = clean.reduce((sum, value, i) => sum + normal[i]! * (value - x[i]!), 0);
  const there = project(clean, { ...plane, gap: gap - fromClean });
  const [a, b] = [lengthOf(here, norm), lengthOf(there, norm)];
  const alpha = a + b > 0 ? Math.min(a / (a + b), alphaMax) : 0;
  return x.map((value, i) => {
    const moved = (1 - alpha) * (value + eta * here[i]!) + alpha * (clean[i]! + eta * there[i]!);
    // A gradient that is NaN leaves the point where it is.
    return Number.isNaN(moved) ? value : Math.min(1, Math.max(0, moved));
  });
}

/** Keeps a misclassified point where it is the nearest yet, and gives the point to go on from (equation 12). */
function found(search: Search, x: Float32Array, right: number, { norm, beta }: AdaptiveBoundary): Float32Array {
  const { clean } = search;
  const length = lengthOf(
    x.map((value, i) => value - clean[i]!),
    norm,
  );
  if (length < search.length) Object.assign(search, { length, best: x, right });
  return x.map((value, i) => (1 - beta) * clean[i]! + beta * value);
}

/** A random point within half of eps, or of the smallest change so far. */
function nearby({ clean, length }: Search, random: Random, { norm, eps }: AdaptiveBoundary): Float32Array {
  const radius = (Math.min(length, eps) / 2) * random.uniform();
  const direction = Float64Array.from(clean, () => (norm === 'linf' ? 2 * random.uniform() - 1 : random.normal()));
  const scale = radius / Math.max(lengthOf(direction, norm), Number.MIN_VALUE);
  return clean.map((value, i) => Math.min(1, Math.max(0, value + scale * direction[i]!)));
}

/**
 * The final search (equation 13): false position on the line between the clean image and the misclassified point, for a
 * point that is just beyond the boundary.
 */
async function searchLines(planes: Planes, searches: readonly Search[], steps: number): Promise<void> {
  const lines = searches
    .filter(({ length }) => length < Infinity)
    .map((search) => ({ search, end: search.best, low: 0, high: 1, rightAtLow: NaN }));
  if (steps === 0 || lines.length === 0) return;
  const rows = (of: typeof lines) => of.map(({ search }) => search.image);
  const atClean = await planes.right(
    rows(lines),
    lines.map(({ search }) => search.clean),
  );
  lines.forEach((line, i) => (line.rightAtLow = atClean[i]!));
  for (let k = 0; k < steps; k++) {
    // A margin that is no number, or as small as can be told, leads nowhere.
    const open = lines.filter(({ search, rightAtLow }) => rightAtLow > -WRONG_BY && search.right < -BEYOND);
    if (open.length === 0) return;
    const shares = open.map(({ search, low, high, rightAtLow }) => {
      const part = (rightAtLow + BEYOND) / (rightAtLow - search.right);
      return low + (high - low) * part;
    });
    const points = open.map(({ search, end }, i) =>
      search.clean.map((value, at) => value + shares[i]! * (end[at]! - value)),
    );
    const right = await planes.right(rows(open), points);
    open.forEach((line, i) => {
      if (right[i]! < -WRONG_BY) {
        line.high = shares[i]!;
        Object.assign(line.search, { best: points[i]!, right: right[i]! });
      } else {
        line.low = shares[i]!;
        line.rightAtLow = right[i]!;
      }
    });
  }
}
