import type { Header, Pax } from 'tar';
import { reasonOf, ShieldError } from '../errors/index.js';
import type { ByteSource } from './byte-source.js';

/** A file in a tar archive, and where its bytes stand: they are read in place, nothing is unpacked. */
export interface TarFile {
  /** As the archive has it; relative, and without `..`. */
  readonly path: string;
  /** First byte of the content in the source. */
  readonly offset: number;
  readonly size: number;
}

/** A part of a source: an archive that stands in another one. */
export interface Part {
  readonly start: number;
  readonly end: number;
}

const BLOCK = 512;
/** Long names and pax records; more is none. */
const MOST_EXTENSION = 1 << 20;
const FILES: ReadonlySet<string> = new Set(['File', 'OldFile', 'ContiguousFile']);

/** What an extension header says of the entry behind it. */
interface Pending {
  pax?: Pax;
  longPath?: string;
}

/**
 * The files of a tar archive (POSIX ustar and pax, GNU long names; not packed) in their order, by their headers alone:
 * the contents are stepped over. Folders are passed over. A header is trusted only with its checksum; an archive with a
 * link, a device or a path that leaves its folder is refused, although no path of it is ever written to.
 *
 * @param part where the archive stands in the source; default: it is the source
 * @throws ARCHIVE_CORRUPT with the byte at which the faulty entry starts; the entries before it are yielded
 */
export async function* tarFiles(source: ByteSource, part?: Part): AsyncGenerator<TarFile, void, undefined> {
  const tar = await import('tar');
  const { start, end } = part ?? { start: 0, end: source.size };
  let pending: Pending = {};
  let common: Pax | undefined;
  for (let at = start; ;) {
    const entry = at;
    try {
      if (at >= end) throw new Error('the archive ends without its end mark: it is cut off');
      const block = await source.read(at, BLOCK);
      if (block.length < BLOCK || at + BLOCK > end) throw new Error('the archive ends in a header');
      if (isEmpty(block)) return;
      const header = new tar.Header(block, 0, pending.pax, common);
      if (!header.cksumValid) throw new Error('the checksum of a header is wrong');
      const { type } = header;
      const size = header.size ?? 0;
      const offset = at + BLOCK;
      if (!Number.isSafeInteger(size) || offset + size > end) {
        throw new Error(`an entry of ${size} bytes goes beyond the end of the archive`);
      }
      at = offset + Math.ceil(size / BLOCK) * BLOCK;
      if (type === 'GlobalExtendedHeader') {
        common = tar.Pax.parse(await extension(source, offset, size), common, true);
      } else if (type === 'ExtendedHeader') {
        pending.pax = tar.Pax.parse(await extension(source, offset, size), pending.pax);
      } else if (type === 'NextFileHasLongPath' || type === 'OldGnuLongPath') {
        pending.longPath = (await extension(source, offset, size)).replace(/\0.*/s, '');
      } else if (type === 'Directory' || FILES.has(type)) {
        const path = checkedPath(pending.longPath ?? header.path ?? '');
        if (header.linkpath) throw new Error(`${path} is a link`);
        pending = {};
        if (type !== 'Directory') yield { path, offset, size };
      } else {
        throw new Error(`${nameFor(header)} is ${KINDS[type] ?? `an entry of type ${type}`}, not a file`);
      }
    } catch (error) {
      if (error instanceof ShieldError) throw error;
      const params = { path: source.path, reason: reasonOf(error), offset: entry };
      throw new ShieldError('ARCHIVE_CORRUPT', params, { cause: error });
    }
  }
}

const KINDS: Readonly<Record<string, string>> = {
  Link: 'a hard link',
  SymbolicLink: 'a symbolic link',
  NextFileHasLongLinkpath: 'a link',
  CharacterDevice: 'a device',
  BlockDevice: 'a device',
  FIFO: 'a pipe',
  SparseFile: 'a file with holes',
};

async function extension(source: ByteSource, offset: number, size: number): Promise<string> {
  if (size > MOST_EXTENSION) throw new Error(`an extended header has ${size} bytes`);
  return (await source.read(offset, size)).toString('utf8');
}

/** @throws Error for paths that would leave the folder that the archive is unpacked to */
function checkedPath(path: string): string {
  const parts = path.split(/[/\\]/);
  const named = JSON.stringify(path);
  if (path === '' || path.includes('\0')) throw new Error(`an entry has no name (${named})`);
  if (parts[0] === '' || /^[a-z]:/i.test(path)) throw new Error(`the path ${named} is absolute`);
  if (parts.includes('..')) throw new Error(`the path ${named} leaves the archive's folder`);
  return path;
}

function nameFor(header: Header): string {
  return JSON.stringify(header.path ?? '');
}

function isEmpty(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}
