import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { posix } from 'node:path';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { ShieldError, reasonOf, systemCode } from '../errors/index.js';

/** No published checkpoint is larger; an archive that unpacks to more is a bomb. */
const MOST_BYTES = 4e9;

/**
 * Unpacks the one file `member` of a tar archive (gzip or plain) to `target`, streaming. No path, link or mode of the
 * archive is ever used: nothing in it can write anywhere else.
 *
 * @param member its name in the archive, whatever folder it is in
 * @param most bytes that the archive may unpack to
 * @returns the sha256 of the file
 * @throws DOWNLOAD_FAILED where the archive is damaged, unpacks to more than `most`, or has no such file
 */
export async function extractTarMember(
  archive: string,
  member: string,
  target: string,
  most = MOST_BYTES,
): Promise<string> {
  const { Parser } = await import('tar');
  const hash = createHash('sha256');
  let writing: Promise<void> | undefined;
  let unpacked = 0;
  let bomb: ShieldError | undefined;
  const stop = new AbortController();
  const damaged = (reason: string, cause?: unknown) => {
    const expected = 'fetch the archive again; it was not used';
    return new ShieldError('DOWNLOAD_FAILED', { name: archive, reason, expected }, { cause });
  };
  const parser = new Parser({
    strict: true,
    filter: (path, entry) =>
      writing === undefined && posix.basename(path) === member && 'type' in entry && entry.type === 'File',
    onReadEntry: (entry) => {
      entry.on('data', (chunk: Buffer) => hash.update(chunk));
      writing = pipeline(entry as unknown as NodeJS.ReadableStream, createWriteStream(target), {
        signal: stop.signal,
      });
      // Told by the pipeline around the archive; here it only must not count as unhandled.
      writing.catch(() => undefined);
    },
  });
  try {
    const finished = new Promise<void>((resolve, reject) => parser.on('end', resolve).on('error', reject));
    finished.catch(() => undefined);
    const unpack = (await isGzip(archive)) ? createGunzip() : new PassThrough();
    await pipeline(createReadStream(archive), unpack, async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) {
        unpacked += chunk.length;
        if (unpacked > most) throw (bomb = damaged('it is larger than any checkpoint'));
        if (!parser.write(chunk)) await Promise.race([once(parser, 'drain'), finished]);
      }
    });
    parser.end();
    await finished;
    await writing;
  } catch (error) {
    // The file that is being written must be closed first, or it may appear after its removal.
    stop.abort();
    await writing?.catch(() => undefined);
    await rm(target, { force: true });
    // The pipeline may tell of its own end instead.
    if (bomb) throw bomb;
    if (error instanceof ShieldError || /^E[A-Z]+$/.test(systemCode(error) ?? '')) throw error;
    throw damaged(`the archive is damaged (${reasonOf(error)})`, error);
  }
  if (!writing) throw damaged(`it holds no file ${member}`);
  return hash.digest('hex');
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(2);
    await file.read(head, 0, 2, 0);
    return head[0] === 0x1f && head[1] === 0x8b;
  } finally {
    await file.close();
  }
}
