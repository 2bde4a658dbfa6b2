import { ShieldError, outOfMemory, reasonOf } from '../errors/index.js';
import type { AttackInput, AttackOutput, AttackPlugin } from '../plugin/index.js';
import type { Chosen, PipelineContext } from './context.js';

/** Images further outside [0, 1] than float rounding explains are a fault of the attack. */
const RANGE_TOLERANCE = 1e-5;

/**
 * What the attack makes of its input.
 *
 * @throws OUT_OF_MEMORY; ATTACK_FAILED where it throws anything else, or gives anything but one image and one count for each that it was given
 */
export async function runAttack(
  context: PipelineContext,
  { name, plugin, options }: Chosen<AttackPlugin>,
  input: AttackInput,
): Promise<Pick<AttackOutput, 'iterations' | 'by' | 'flags'> & { readonly pixels: Float32Array }> {
  const expected = 'mend the attack; one that comes with SHIELD has a fault: please report it';
  let output: AttackOutput;
  try {
    output = await plugin.run(input, options);
  } catch (error) {
    if (context.signal.aborted || error instanceof ShieldError) throw error;
    const failed = { name, reason: reasonOf(error), expected };
    throw outOfMemory(error) ?? new ShieldError('ATTACK_FAILED', failed, { cause: error });
  }
  const { images, iterations, by, flags } = output;
  try {
    const unknown = flags?.flat().find((flag) => plugin.flags?.[flag] === undefined);
    const [given, got] = [input.images.shape, images.shape].map((shape) => shape.join('×'));
    const reason =
      given !== got
        ? `it was given images of shape ${given} and returned ${got}`
        : iterations.length !== input.ids.length
          ? `it returned ${iterations.length} counts of iterations for ${input.ids.length} images`
          : unknown !== undefined
            ? `it raised the flag ${unknown}, which it does not declare`
            : undefined;
    if (reason) throw new ShieldError('ATTACK_FAILED', { name, reason, expected });
    return {
      pixels: (await images.data()) as Float32Array,
      iterations,
      ...(by ? { by } : {}),
      ...(flags ? { flags } : {}),
    };
  } finally {
    // An attack that changes nothing may give back what it was given.
    if (images !== input.images) images.dispose();
  }
}

/** Copies an attacked image in, clipped to [0, 1]; one that is not usable leaves the clean image standing. */
export function place(pixels: Float32Array, start: number, image: Float32Array): string | undefined {
  let low = 0;
  let high = 1;
  for (const value of image) {
    if (!Number.isFinite(value)) return `the attack made ${value} of a pixel`;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low < -RANGE_TOLERANCE || high > 1 + RANGE_TOLERANCE) return `the attack left [0, 1]: ${low} … ${high}`;
  for (let k = 0; k < image.length; k++) pixels[start + k] = Math.min(1, Math.max(0, image[k]!));
  return undefined;
}
