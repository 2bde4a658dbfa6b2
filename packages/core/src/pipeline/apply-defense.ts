import { ShieldError, reasonOf } from '../errors/index.js';
import { toByteImage, toFloatImage } from '../images/quantize.js';
import { resize } from '../images/resize.js';
import type { FloatImage, Image } from '../plugin/contracts.js';
import type { DefensePlugin } from '../plugin/index.js';
import { Random } from '../random/random.js';
import type { Chosen, PipelineContext } from './context.js';
import { applyBlocking } from './threat/blocking-defense.js';

/** What of a run says how images pass from floats to a defense and back to the network. */
export type DefenseSetting = Pick<PipelineContext, 'preprocess'> & {
  readonly model: Pick<PipelineContext['model'], 'inputSize'>;
  readonly spec: Pick<PipelineContext['spec'], 'handover' | 'seed'>;
};

type RandomName = readonly (string | number)[];

/** The stream of one draw of a defense over one image, when it is evaluated. */
export function evaluationDraw(setting: DefenseSetting, plugin: DefensePlugin, id: string, draw: number): RandomName {
  return [setting.spec.seed, 'defend', plugin.name, id, draw];
}

/**
 * One image through one defense, at the model's input size again.
 *
 * @throws DEFENSE_FAILED where the defense throws or returns something that is not an image in [0, 1]
 */
export async function defend(
  setting: DefenseSetting,
  defense: Chosen<DefensePlugin>,
  image: FloatImage,
  id: string,
  draw: number,
): Promise<FloatImage> {
  const { plugin, options } = defense;
  try {
    const random = new Random(...evaluationDraw(setting, plugin, id, draw));
    return received(setting, defense, await plugin.apply(handedOver(setting, plugin, image), options, random), id);
  } catch (error) {
    throw failure(defense, id, error);
  }
}

/**
 * The same without waiting, for passes that lie inside a gradient; what a defense does in the background is waited for
 * with the thread stopped.
 *
 * @param name of the stream that its draws come from
 */
export function defendNow(
  setting: DefenseSetting,
  defense: Chosen<DefensePlugin>,
  image: FloatImage,
  id: string,
  name: RandomName,
): FloatImage {
  try {
    const given = handedOver(setting, defense.plugin, image);
    return received(setting, defense, applyBlocking(defense, given, name), id);
  } catch (error) {
    throw failure(defense, id, error);
  }
}

function handedOver({ spec }: DefenseSetting, plugin: DefensePlugin, image: FloatImage): Image {
  return plugin.takes === 'bytes' ? toByteImage(image, spec.handover) : image;
}

function received(setting: DefenseSetting, { name }: Chosen<DefensePlugin>, result: Image, id: string): FloatImage {
  if (result.data.length !== result.height * result.width * 3) {
    const reason = `it gave ${result.data.length} samples for ${result.height}×${result.width} pixels`;
    throw new ShieldError('DEFENSE_FAILED', { name, id, reason, expected: 'return height × width × 3 samples' });
  }
  const { height, width } = setting.model.inputSize;
  if (result.height === height && result.width === width) return toFloatImage(result);
  return toFloatImage(resize(result, { height, width, interpolation: setting.preprocess.interpolation }));
}

function failure({ name }: Chosen<DefensePlugin>, id: string, error: unknown): ShieldError {
  if (error instanceof ShieldError) return error;
  const expected = 'mend the defense; one that comes with SHIELD has a fault: please report it';
  return new ShieldError('DEFENSE_FAILED', { name, id, reason: reasonOf(error), expected }, { cause: error });
}
