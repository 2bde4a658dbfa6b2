import { ShieldError, reasonOf } from '../errors/index.js';
import { decodeImageRecord, encodeImageRecord } from '../records/image-record.js';
import { readRecords } from '../records/tfrecord.js';
import { writeRecords } from '../records/tfrecord-writer.js';
import type { Artifact } from './artifact-store.js';
import type { ImageBatch } from './input-batches.js';
import { borrowPixels } from './pixel-memory.js';
import type { AttackRow } from './rows.js';
import type { Shard } from './shard.js';

/** Writes a batch of attacked images as float32 records in [0, 1]. */
export async function writeImages(
  path: string,
  batch: ImageBatch,
  pixels: Float32Array,
  size: { readonly height: number; readonly width: number },
): Promise<{ bytes: number; sha256: string }> {
  const length = size.height * size.width * 3;
  return writeRecords(
    path,
    batch.ids.map((id, i) =>
      encodeImageRecord({
        id,
        label: batch.labels[i]!,
        image: { data: pixels.subarray(i * length, (i + 1) * length), ...size },
      }),
    ),
    { sha256: true },
  );
}

/** The attacked images in batches, in the form in which clean ones come; of a shard's own, which are there before others. */
export async function* attackedBatches(
  artifact: Artifact<AttackRow>,
  shard: Shard,
  needed: (index: number) => boolean,
): AsyncGenerator<ImageBatch> {
  const complete = await artifact.complete();
  for (let index = shard.index - 1; complete ? index < complete.batches : artifact.has(index); index += shard.of) {
    if (!needed(index)) continue;
    const { rows, file } = await artifact.read(index);
    const images: Float32Array[] = [];
    try {
      for await (const record of readRecords(file!)) {
        images.push((await decodeImageRecord(record)).image.data as Float32Array);
      }
    } catch (error) {
      throw new ShieldError('ARTIFACT_CORRUPT', { path: artifact.path, reason: reasonOf(error) }, { cause: error });
    }
    if (images.length !== rows.length) {
      throw new ShieldError('ARTIFACT_CORRUPT', {
        path: artifact.path,
        reason: `batch ${index} has ${images.length} of ${rows.length} images`,
      });
    }
    const pixels = borrowPixels(images.reduce((sum, image) => sum + image.length, 0));
    let start = 0;
    for (const image of images) {
      pixels.set(image, start);
      start += image.length;
    }
    yield { index, ids: rows.map((row) => row.id), labels: rows.map((row) => row.label), pixels, dropped: [] };
  }
}
