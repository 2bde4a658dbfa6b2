import type { AttackNorm } from '../../plugin/attack-bound.js';

/** The levels, 0-255, that each sample of an image may take: from `low` to `high`. */
export interface Corridor {
  readonly low: Uint8Array;
  readonly high: Uint8Array;
}

export interface CorridorOptions {
  /** Levels beyond the two that enclose the float value. */
  readonly widen: number;
  /** Largest change of a sample, in levels; what it leaves out is left out of the corridor. */
  readonly eps?: number;
  /** Whether pixels (all channels together) that the attack left alone stay as they are. */
  readonly sparse: boolean;
}

/** What float32 puts between a level and the same level times 255. */
const TOLERANCE = 1e-3;

/**
 * The levels around the float result of an attack, within what the attack was allowed.
 *
 * @param clean flat pixels in [0, 1], channels interleaved
 * @param adversarial the same pixels as the attack left them, in [0, 1]
 */
export function levelCorridor(clean: Float32Array, adversarial: Float32Array, options: CorridorOptions): Corridor {
  const { widen, eps = 255, sparse } = options;
  const low = new Uint8Array(clean.length);
  const high = new Uint8Array(clean.length);
  for (let i = 0; i < clean.length; i++) {
    const x = 255 * clean[i]!;
    const v = 255 * adversarial[i]!;
    const lowest = Math.max(0, Math.ceil(x - eps - TOLERANCE));
    const highest = Math.min(255, Math.floor(x + eps + TOLERANCE));
    if (lowest > highest || (sparse && unchanged(clean, adversarial, i))) {
      // No level lies within eps of a sample off the grid: the nearest one is as little change as there is.
      low[i] = high[i] = Math.round(x);
    } else {
      low[i] = within(Math.floor(v + TOLERANCE) - widen, lowest, highest);
      high[i] = within(Math.ceil(v - TOLERANCE) + widen, lowest, highest);
    }
  }
  return { low, high };
}

/** The levels nearest to `pixels`, flat and in [0, 1], within the corridor. */
export function nearestLevels(pixels: Float32Array, { low, high }: Corridor): Uint8Array {
  return Uint8Array.from(pixels, (value, i) => within(Math.round(255 * value), low[i]!, high[i]!));
}

/**
 * The levels that reach furthest along a direction for their change: of all in the corridor those that minimise
 * ‖levels − clean‖² − 2 t ⟨direction, levels⟩, sample by sample (Bonnet, Furon & Bas, "What if adversarial samples were
 * digital images?", IH&MMSec 2020, section 3: there between the two levels around each float, for one gradient).
 *
 * @param direction any scale, of the length of `clean`
 * @param t from 0, the levels nearest to the clean image, up
 */
export function levelsAlong(clean: Float32Array, direction: Float32Array, t: number, corridor: Corridor): Uint8Array {
  const { low, high } = corridor;
  const levels = new Uint8Array(clean.length);
  for (let i = 0; i < clean.length; i++) {
    levels[i] = within(Math.round(255 * clean[i]! + t * direction[i]!), low[i]!, high[i]!);
  }
  return levels;
}

/** Between which t {@link levelsAlong} changes: below, nothing moves; above, nearly all samples are at an end. */
export function rangeOfSteps(direction: Float32Array, { low, high }: Corridor): { low: number; high: number } {
  let largest = 0;
  let sum = 0;
  let widest = 0;
  for (let i = 0; i < direction.length; i++) {
    const size = Math.abs(direction[i]!);
    largest = Math.max(largest, size);
    sum += size;
    widest = Math.max(widest, high[i]! - low[i]!);
  }
  if (!(largest > 0)) return { low: 1, high: 1 };
  // A hundredth of the mean: what is smaller moves nothing worth its change.
  return { low: 0.5 / largest, high: Math.max(1 / largest, (100 * (widest + 0.5) * direction.length) / sum) };
}

/**
 * The change from the clean image in a norm: in [0, 1] units; l0 counts pixels, their channels together.
 *
 * @param scale what the values are divided by: 255 for levels, 1 for pixels in [0, 1]
 */
export function changeOf(clean: Float32Array, values: ArrayLike<number>, scale: number, norm: AttackNorm): number {
  let sum = 0;
  let largest = 0;
  let squares = 0;
  let pixels = 0;
  for (let i = 0; i < clean.length; i += 3) {
    let moved = false;
    for (let c = i; c < i + 3; c++) {
      const change = Math.abs(values[c]! / scale - clean[c]!);
      if (change > TOLERANCE / 255) moved = true;
      sum += change;
      squares += change * change;
      largest = Math.max(largest, change);
    }
    if (moved) pixels++;
  }
  switch (norm) {
    case 'l0':
      return pixels;
    case 'l1':
      return sum;
    case 'linf':
      return largest;
    case 'l2':
    case 'none':
      return Math.sqrt(squares);
  }
}

function unchanged(clean: Float32Array, adversarial: Float32Array, i: number): boolean {
  const first = i - (i % 3);
  return [first, first + 1, first + 2].every((k) => clean[k] === adversarial[k]);
}

function within(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
