import { ShieldError, outOfMemory, reasonOf } from '../errors/index.js';
import { toByteImage, toFloatImage } from '../images/quantize.js';
import { resize } from '../images/resize.js';
import type { FloatImage, Image } from '../plugin/contracts.js';
import type { DefensePlugin } from '../plugin/index.js';
import { Random } from '../random/random.js';
import { throwIfStopped } from '../tracking/time-limit.js';
import type { Chosen, PipelineContext } from './context.js';
import { memberStream, streams, type Chain, type StreamOf } from './defenses.js';
import { applyBlocking } from './threat/blocking-defense.js';

/** What of a run says how images pass from floats to a defense and back to the network. */
export type DefenseSetting = Pick<PipelineContext, 'preprocess'> & {
  readonly model: Pick<PipelineContext['model'], 'inputSize'>;
  readonly spec: Pick<PipelineContext['spec'], 'handover' | 'seed'>;
};

/** The streams of one draw of a defense over one image, when it is evaluated; those of an ensemble's members differ. */
export function evaluationDraw(setting: DefenseSetting, id: string, draw: number, member = 0): StreamOf {
  return streams([setting.spec.seed, 'defend'], [id, draw, ...memberStream(member)]);
}

/**
 * One image through a chain of defenses, at the model's input size again. Each step is given an image of the size that
 * the chain was given; bytes stay bytes from one codec to the next.
 *
 * @param signal asked before each step
 * @throws OUT_OF_MEMORY; DEFENSE_FAILED where a defense throws anything else or returns something that is not an image in
 *   [0, 1]; the reason of the signal
 */
export async function defend(
  setting: DefenseSetting,
  chain: Chain,
  image: FloatImage,
  id: string,
  stream: StreamOf,
  signal?: AbortSignal,
): Promise<FloatImage> {
  return toFloatImage(await defendAsIs(setting, chain, image, id, stream, signal));
}

/** The same in bytes where the last of the chain gives bytes. */
export async function defendAsIs(
  setting: DefenseSetting,
  chain: Chain,
  image: FloatImage,
  id: string,
  stream: StreamOf,
  signal?: AbortSignal,
): Promise<Image> {
  let shown: Image = image;
  for (const [place, step] of chain.steps.entries()) {
    if (signal) throwIfStopped(signal);
    try {
      const random = new Random(...stream(step, place));
      const result = await step.plugin.apply(handedOver(setting, step.plugin, shown), step.options, random);
      shown = received(setting, chain, place, image, result, id);
    } catch (error) {
      throw failure(chain, step, id, error);
    }
  }
  return sized(setting, shown, setting.model.inputSize);
}

/**
 * The same without waiting, for passes that lie inside a gradient; what a defense does in the background is waited for
 * with the thread stopped.
 *
 * @returns the image after each step, the last of them at the model's input size
 */
export function defendNow(
  setting: DefenseSetting,
  chain: Chain,
  image: FloatImage,
  id: string,
  stream: StreamOf,
): readonly FloatImage[] {
  if (chain.steps.length === 0) return [toFloatImage(sized(setting, image, setting.model.inputSize))];
  let shown: Image = image;
  return chain.steps.map((step, place) => {
    try {
      const result = applyBlocking(step, handedOver(setting, step.plugin, shown), stream(step, place));
      shown = received(setting, chain, place, image, result, id);
      return toFloatImage(shown);
    } catch (error) {
      throw failure(chain, step, id, error);
    }
  });
}

function handedOver({ spec }: DefenseSetting, plugin: DefensePlugin, image: Image): Image {
  return plugin.takes === 'bytes' ? toByteImage(image, spec.handover) : toFloatImage(image);
}

/** What a step gave, at the size that the next one, or the model, takes. */
function received(
  setting: DefenseSetting,
  { name, steps }: Chain,
  place: number,
  given: FloatImage,
  result: Image,
  id: string,
): Image {
  if (result.data.length !== result.height * result.width * 3) {
    const reason = `it gave ${result.data.length} samples for ${result.height}×${result.width} pixels`;
    throw new ShieldError('DEFENSE_FAILED', { name, id, reason, expected: 'return height × width × 3 samples' });
  }
  return sized(setting, result, place === steps.length - 1 ? setting.model.inputSize : given);
}

function sized(
  { preprocess: { interpolation } }: DefenseSetting,
  image: Image,
  { height, width }: { readonly height: number; readonly width: number },
): Image {
  if (image.height === height && image.width === width) return image;
  return resize(image, { height, width, interpolation });
}

function failure({ name, steps }: Chain, { plugin }: Chosen<DefensePlugin>, id: string, error: unknown): ShieldError {
  if (error instanceof ShieldError) return error;
  const expected = 'mend the defense; one that comes with SHIELD has a fault: please report it';
  const which = steps.length > 1 ? `${name}, in it ${plugin.name},` : name;
  const failed = { name: which, id, reason: reasonOf(error), expected };
  return outOfMemory(error) ?? new ShieldError('DEFENSE_FAILED', failed, { cause: error });
}
