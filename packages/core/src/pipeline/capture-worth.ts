import type { Cost } from '../plugin/contracts.js';

/** Below this many gradients in all, capturing an attack's graphs costs more than it saves. */
const GRADIENTS = 48;

/** What a forward pass is of a gradient, in time. */
const FORWARD = 0.5;

/**
 * Whether an attack's functions become graphs. The answer changes results in their last digits, so it rests on the spec
 * alone: on the most that the attack may spend, not on what is left to compute.
 *
 * @param cost the most passes of one image
 * @param images of the whole run; Infinity where their number is not known
 */
export function worthCapturing({ forwards, gradients }: Cost, images: number): boolean {
  const work = gradients + FORWARD * forwards;
  return work > 0 && work * images >= GRADIENTS;
}
