import { toByteImage } from '../images/quantize.js';
import type { Artifact } from '../pipeline/artifact-store.js';
import type { AttackRow } from '../pipeline/rows.js';
import type { Image } from '../plugin/contracts.js';
import { decodeImageRecord, encodeImageRecord, encodeOriginalRecord } from '../records/image-record.js';
import { readRecords } from '../records/tfrecord.js';
import type { Handover } from '../spec/resolved-spec.js';

export interface ImageForm {
  /** The original's keys and range (floats in [-1, 1]); else this project's (floats in [0, 1], and said so). */
  readonly original: boolean;
  /** As which the images are written: as they are stored, or as bytes. */
  readonly as: 'float32' | 'uint8';
  /** How floats become bytes. */
  readonly handover: Handover;
  /** Added to labels. */
  readonly offset: number;
}

/** Norms on [-1, 1], as the original's meter of normalized L2 distances saves them. */
export interface OriginalNorms {
  readonly original: number[];
  readonly perturbation: number[];
}

/** The records of an artifact of attacked images in another form; `norms` is filled on the way. */
export async function* attackedRecords(
  artifact: Artifact<AttackRow>,
  form: ImageForm,
  norms: OriginalNorms,
): AsyncGenerator<Uint8Array> {
  for await (const { rows, file } of artifact.batches()) {
    let i = 0;
    for await (const record of readRecords(file!)) {
      const decoded = await decodeImageRecord(record);
      const { l2, normalizedL2Original } = rows[i++]!;
      // What was not changed is the original itself.
      norms.original.push(l2 > 0 ? (2 * l2) / normalizedL2Original : signedNorm(decoded.image));
      norms.perturbation.push(2 * l2);
      yield await inForm(decoded, form);
    }
  }
}

/** The records of one draw of an artifact of defended images. */
export async function* defendedRecords(
  artifact: Artifact<{ readonly draw: number }>,
  form: ImageForm,
  draw: number,
): AsyncGenerator<Uint8Array> {
  for await (const { rows, file } of artifact.batches()) {
    let i = 0;
    for await (const record of readRecords(file!)) {
      if (rows[i++]!.draw === draw) yield await inForm(await decodeImageRecord(record), form);
    }
  }
}

function inForm(
  { id, label, image }: { readonly id: string; readonly label: number; readonly image: Image },
  { original, as, handover, offset }: ImageForm,
): Promise<Uint8Array> {
  const pixels = as === 'uint8' ? toByteImage(image, handover) : image;
  const record = { id, label: label + offset, image: pixels };
  return original ? encodeOriginalRecord(record) : encodeImageRecord(record);
}

function signedNorm({ data }: Image): number {
  const scale = data instanceof Uint8Array ? 2 / 255 : 2;
  let sum = 0;
  for (const value of data) sum += (scale * value - 1) ** 2;
  return Math.sqrt(sum);
}
