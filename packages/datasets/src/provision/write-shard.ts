import { FileBytes, ShieldError, writeRecords, type WrittenRecords } from '@shield/core';
import { encodeImage, placeOf } from './image-example.js';
import type { PlannedImage } from './shard-plan.js';

/** A TFRecord file to be made. */
export interface ShardJob {
  /** Absolute. */
  readonly path: string;
  readonly images: readonly PlannedImage[];
  /** Decode every image. */
  readonly check?: boolean;
}

/** Images read and decoded ahead of the one that is written. */
const AHEAD = 4;

/**
 * Reads the images of a shard where they stand, checks their structure, and writes their records; the file appears when it is whole.
 *
 * @param written is called after each image
 * @throws IMAGE_CORRUPT, ARCHIVE_CORRUPT, DISK_FULL, WRITE_FAILED
 */
export async function writeShard(
  job: ShardJob,
  sources: SourceFiles,
  written: () => void = () => undefined,
): Promise<WrittenRecords> {
  return writeRecords(job.path, records(job, sources, written));
}

async function* records(
  { images, check = false }: ShardJob,
  sources: SourceFiles,
  written: () => void,
): AsyncGenerator<Uint8Array> {
  const begun: Promise<Uint8Array>[] = [];
  for (let next = 0; next < images.length || begun.length > 0;) {
    while (begun.length < AHEAD && next < images.length) {
      const record = recordOf(images[next++]!, sources, check);
      // Told when its turn comes; until then it only must not count as unhandled.
      record.catch(() => undefined);
      begun.push(record);
    }
    yield await begun.shift()!;
    written();
  }
}

async function recordOf(image: PlannedImage, sources: SourceFiles, check: boolean): Promise<Uint8Array> {
  const bytes = await sources.read(image);
  if (bytes.length !== image.size) {
    const params = { id: image.name, path: placeOf(image), reason: 'the file ends before it' };
    throw new ShieldError('IMAGE_CORRUPT', params);
  }
  return encodeImage(image, bytes, check);
}

/** Archives stay open; files of a single image are opened for it. */
export class SourceFiles {
  readonly #open = new Map<string, Promise<FileBytes>>();

  async read({ path, offset, size }: Pick<PlannedImage, 'path' | 'offset' | 'size'>): Promise<Buffer> {
    if (offset === 0) {
      const file = await FileBytes.open(path);
      try {
        return await file.read(0, size);
      } finally {
        await file.close();
      }
    }
    let source = this.#open.get(path);
    if (!source) this.#open.set(path, (source = FileBytes.open(path)));
    return (await source).read(offset, size);
  }

  async close(): Promise<void> {
    for (const source of this.#open.values()) await source.then((file) => file.close()).catch(() => undefined);
    this.#open.clear();
  }
}
