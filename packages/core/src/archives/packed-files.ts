import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { PassThrough } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { reasonOf, ShieldError } from '../errors/index.js';

/** A small file of an archive, whole. */
export interface PackedFile {
  /** As the archive has it; never written to. */
  readonly path: string;
  readonly bytes: Buffer;
}

/** What is waited for at a time; the archive is read no further ahead. */
const AHEAD = 64;

/**
 * The small files of a tar archive, plain or packed by gzip, streaming: one after the other, each whole in memory. (Of a
 * packed archive nothing can be read in place.) Folders, links and devices are passed over, and no path is ever used.
 *
 * @param wanted says by a file's path whether it is given
 * @param most bytes of a file, and `total` of all that is unpacked: an archive that holds more is a bomb
 * @throws ARCHIVE_CORRUPT with the byte of the (unpacked) archive
 */
export async function* packedFiles(
  path: string,
  wanted: (path: string) => boolean,
  { most, total }: { readonly most: number; readonly total: number },
): AsyncGenerator<PackedFile, void, undefined> {
  const { Parser } = await import('tar');
  let unpacked = 0;
  const ready: PackedFile[] = [];
  const corrupt = (error: unknown) =>
    error instanceof ShieldError
      ? error
      : new ShieldError('ARCHIVE_CORRUPT', { path, reason: reasonOf(error), offset: unpacked }, { cause: error });
  const parser = new Parser({
    strict: true,
    filter: (name, entry) => 'type' in entry && entry.type === 'File' && wanted(name),
    onReadEntry: (entry) => {
      if (entry.size > most) {
        parser.abort(new Error(`${entry.path} has ${entry.size} bytes`));
        entry.resume();
        return;
      }
      const chunks: Buffer[] = [];
      entry.on('data', (chunk: Buffer) => chunks.push(chunk));
      entry.on('end', () => ready.push({ path: entry.path, bytes: Buffer.concat(chunks) }));
    },
  });
  let failed: Error | undefined;
  parser.on('error', (error: Error) => (failed ??= error));
  const source = createReadStream(path);
  try {
    const packed = await startsPacked(path);
    const plain = packed ? createGunzip() : new PassThrough();
    const reading = pipeline(source, plain);
    reading.catch(() => undefined); // the loop below meets the same error
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      unpacked += chunk.length;
      if (unpacked > total) throw new Error(`it unpacks to more than ${total} bytes`);
      parser.write(chunk);
      if (failed) throw failed;
      if (ready.length >= AHEAD) yield* ready.splice(0);
    }
    parser.end();
    if (failed) throw failed;
    yield* ready.splice(0);
  } catch (error) {
    throw corrupt(error);
  } finally {
    source.destroy();
  }
}

async function startsPacked(path: string): Promise<boolean> {
  for await (const chunk of createReadStream(path, { end: 1 })) {
    const [first, second] = chunk as Buffer;
    return first === 0x1f && second === 0x8b;
  }
  return false;
}
