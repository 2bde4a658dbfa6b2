import type { Random } from '@shield/core';
import { isWrong, type Margins, type Pixels } from './queries.js';

/** Halvings of an interval: what float32 pixels can still tell apart. */
export const HALVINGS = 25;

/** Images of noise asked for at once. */
const AT_ONCE = 10;

/** Queries that {@link blendedStart} makes at most. */
export function costOfStart(tries: number): number {
  return tries + HALVINGS;
}

export function l2Distance(a: Pixels, b: Pixels): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += (a[k]! - b[k]!) ** 2;
  return Math.sqrt(sum);
}

export function linfDistance(a: Pixels, b: Pixels): number {
  let most = 0;
  for (let k = 0; k < a.length; k++) most = Math.max(most, Math.abs(a[k]! - b[k]!));
  return most;
}

/** `(1 − share)·clean + share·other`. */
export function blend(clean: Pixels, other: Pixels, share: number): Pixels {
  return clean.map((value, k) => value + share * (other[k]! - value));
}

/**
 * A first image that the model gets wrong: uniform noise, as many tries as are given, blended with the clean image as
 * far as the model stays wrong (Brendel et al. 2018, section 2.1; Chen et al. 2020, section IV.B).
 *
 * @returns undefined where the model is right about all noise that was tried
 */
export function* blendedStart(
  clean: Pixels,
  random: Random,
  tries: number,
): Generator<readonly Pixels[], Pixels | undefined, Margins> {
  for (let tried = 0; tried < tries; tried += AT_ONCE) {
    const noise = Array.from({ length: Math.min(AT_ONCE, tries - tried) }, () => clean.map(() => random.uniform()));
    const answers = yield noise;
    const found = noise.find((_, i) => isWrong(answers[i]));
    if (found) return yield* toBoundary((share) => blend(clean, found, share), 0);
  }
  return undefined;
}

/**
 * The image of the smallest share in [0, 1] that the model gets wrong, by bisection; at share 1 it is known to.
 *
 * @param precision difference of shares at which it ends, at the latest after {@link HALVINGS} queries
 */
export function* toBoundary(
  at: (share: number) => Pixels,
  precision: number,
): Generator<readonly Pixels[], Pixels, Margins> {
  let [low, high] = [0, 1];
  let best = at(1);
  for (let k = 0; k < HALVINGS && high - low > precision; k++) {
    const middle = (low + high) / 2;
    const image = at(middle);
    const [answer] = yield [image];
    if (isWrong(answer)) [high, best] = [middle, image];
    else low = middle;
  }
  return best;
}
