import { ShieldError } from '../errors/index.js';
import { preprocess } from '../images/preprocess.js';
import { toFloatImage } from '../images/quantize.js';
import { defend } from '../pipeline/apply-defense.js';
import { streams, type Chain } from '../pipeline/defenses.js';
import type { DatasetItem, Image, Model } from '../plugin/contracts.js';
import { Random } from '../random/random.js';
import type { Handover, Preprocess, TrainSpec } from '../spec/resolved-spec.js';
import { mirrored, randomCrop } from './augment.js';

export interface TrainingImages {
  readonly model: Pick<Model, 'inputSize' | 'classes' | 'labelOffset'>;
  readonly train: Pick<TrainSpec, 'flip' | 'crop'>;
  /** What every image goes through; of several, each image draws one each epoch. */
  readonly defenses: readonly Chain[];
  readonly seed: number;
  readonly handover: Handover;
  readonly preprocess: Preprocess;
  readonly onCorrupt: 'fail' | 'skip';
  readonly batch: number;
  readonly signal: AbortSignal;
}

export interface TrainingBatch {
  readonly ids: readonly string[];
  /** Among the model's logits. */
  readonly labels: readonly number[];
  /** float32 [n, height, width, 3] in [0, 1]. */
  readonly pixels: Float32Array;
}

/**
 * The images of one epoch: read, cropped and flipped, sent through the defense, each by random numbers of its own. The
 * next batch is prepared while the caller works on this one. Images that cannot be read make their batch smaller.
 *
 * @param epoch from 1; 0 for validation, whose images are neither cropped nor flipped
 */
export async function* trainingBatches(
  items: readonly DatasetItem[],
  epoch: number,
  images: TrainingImages,
): AsyncGenerator<TrainingBatch> {
  let ahead: Promise<TrainingBatch> | undefined;
  for (let start = 0; start < items.length; start += images.batch) {
    images.signal.throwIfAborted();
    const next = prepareBatch(items.slice(start, start + images.batch), epoch, images);
    next.catch(() => undefined); // awaited below, one turn later
    if (ahead) yield await ahead;
    ahead = next;
  }
  if (ahead) yield await ahead;
}

/**
 * Looks for labels that the classifier has no class for, before anything is trained.
 *
 * @throws LABEL_OUT_OF_RANGE naming the first image
 */
export function checkLabels(items: readonly DatasetItem[], model: Pick<Model, 'classes' | 'labelOffset'>): void {
  const max = model.classes - model.labelOffset - 1;
  const wrong = items.find(({ label }) => !Number.isInteger(label) || label < 0 || label > max);
  if (wrong) throw new ShieldError('LABEL_OUT_OF_RANGE', { label: wrong.label, id: wrong.id, max });
}

async function prepareBatch(
  items: readonly DatasetItem[],
  epoch: number,
  images: TrainingImages,
): Promise<TrainingBatch> {
  const { height, width } = images.model.inputSize;
  const prepared = await Promise.all(items.map((item) => prepare(item, epoch, images)));
  const kept = items.flatMap((item, i) => (prepared[i] ? [{ item, data: prepared[i] }] : []));
  const pixels = new Float32Array(kept.length * height * width * 3);
  kept.forEach(({ data }, i) => pixels.set(data, i * height * width * 3));
  return {
    ids: kept.map(({ item }) => item.id),
    labels: kept.map(({ item }) => item.label + images.model.labelOffset),
    pixels,
  };
}

/** Undefined for an image that cannot be read, where such are left out. */
async function prepare(item: DatasetItem, epoch: number, images: TrainingImages): Promise<Float32Array | undefined> {
  let image: Image;
  try {
    image = await item.load();
  } catch (error) {
    if (error instanceof ShieldError && error.code === 'IMAGE_CORRUPT' && images.onCorrupt === 'skip') return undefined;
    throw error;
  }
  const { model, train, defenses, seed, handover } = images;
  const random = new Random(seed, 'train', 'augment', epoch, item.id);
  const { interpolation } = images.preprocess;
  const size = model.inputSize;
  let shown =
    epoch > 0 && train.crop < 1
      ? randomCrop(image, train.crop, { ...size, interpolation }, random)
      : preprocess(image, images.preprocess, size);
  if (epoch > 0 && train.flip && random.uniform() < 0.5) shown = mirrored(shown);
  const defense = defenses[defenses.length > 1 ? random.integer(defenses.length) : 0];
  const floats = toFloatImage(shown);
  if (!defense) return floats.data;
  const setting = { preprocess: images.preprocess, model, spec: { handover, seed } };
  const stream = streams([seed, 'train', 'defend'], [epoch, item.id]);
  return (await defend(setting, defense, floats, item.id, stream)).data;
}
