import { ShieldError } from '../errors/index.js';
import { putPreprocessed } from '../images/preprocess.js';
import type { Dataset, DatasetItem } from '../plugin/contracts.js';
import type { Preprocess } from '../spec/resolved-spec.js';
import { borrowPixels, returnPixels } from './pixel-memory.js';

/** Images of one batch, ready for the network. */
export interface ImageBatch {
  readonly index: number;
  readonly ids: readonly string[];
  /** In the dataset's numbering. */
  readonly labels: readonly number[];
  /** float32 [n, height, width, 3] in [0, 1]; borrowed: whoever is done with them may give them back. */
  readonly pixels: Float32Array;
  /** Images that could not be read, where the spec says to leave such out. */
  readonly dropped: readonly { readonly id: string; readonly label: number; readonly reason: string }[];
}

export interface InputOptions {
  readonly batch: number;
  readonly size: { readonly height: number; readonly width: number };
  readonly preprocess: Omit<Preprocess, 'idct'>;
  readonly onCorrupt: 'fail' | 'skip';
  /** Classes the model knows without a background class; labels outside are refused. */
  readonly classes: number;
  readonly signal: AbortSignal;
  /** Batches that somebody still needs; others are passed over without reading their images. */
  readonly needed: (index: number) => boolean;
}

/**
 * The dataset in batches. Boundaries stand at multiples of `batch` in the dataset's order and never move: an image
 * that is left out makes its own batch smaller. The next batch is read while the caller works on this one.
 */
export async function* inputBatches(dataset: Dataset, options: InputOptions): AsyncGenerator<ImageBatch> {
  let ahead: Promise<ImageBatch> | undefined;
  for await (const [index, items] of chunks(dataset.items(), options.batch)) {
    options.signal.throwIfAborted();
    if (!options.needed(index)) continue;
    const next = loadBatch(index, items, options);
    next.catch(() => undefined); // awaited below, one turn later
    if (ahead) yield await ahead;
    ahead = next;
  }
  if (ahead) yield await ahead;
}

/** Each image is written straight to its place in the batch; where some are left out, the others close up. */
async function loadBatch(index: number, items: readonly DatasetItem[], options: InputOptions): Promise<ImageBatch> {
  const { height, width } = options.size;
  const length = height * width * 3;
  const room = borrowPixels(items.length * length);
  const failures = await Promise.all(items.map((item, i) => load(item, options, room, i * length)));
  const kept = items.flatMap((item, i) => (failures[i] ? [] : [{ item, i }]));
  kept.forEach(({ i }, place) => {
    if (i !== place) room.copyWithin(place * length, i * length, (i + 1) * length);
  });
  const whole = kept.length === items.length;
  const pixels = whole ? room : room.slice(0, kept.length * length);
  if (!whole) returnPixels(room);
  return {
    index,
    ids: kept.map(({ item }) => item.id),
    labels: kept.map(({ item }) => item.label),
    pixels,
    dropped: failures.flatMap((failure, i) =>
      failure ? [{ id: items[i]!.id, label: items[i]!.label, reason: failure.message }] : [],
    ),
  };
}

/** Puts the image into `room` from `start` on, or gives the error of one that may be left out. */
async function load(
  item: DatasetItem,
  options: InputOptions,
  room: Float32Array<ArrayBuffer>,
  start: number,
): Promise<ShieldError | undefined> {
  if (!Number.isInteger(item.label) || item.label < 0 || item.label >= options.classes) {
    throw new ShieldError('LABEL_OUT_OF_RANGE', { label: item.label, id: item.id, max: options.classes - 1 });
  }
  try {
    putPreprocessed(await item.load(), options.preprocess, options.size, room, start);
    return undefined;
  } catch (error) {
    if (error instanceof ShieldError && error.code === 'IMAGE_CORRUPT' && options.onCorrupt === 'skip') return error;
    throw error;
  }
}

async function* chunks<T>(source: AsyncIterable<T>, size: number): AsyncGenerator<[number, T[]]> {
  let index = 0;
  let chunk: T[] = [];
  for await (const item of source) {
    chunk.push(item);
    if (chunk.length === size) {
      yield [index++, chunk];
      chunk = [];
    }
  }
  if (chunk.length > 0) yield [index, chunk];
}
