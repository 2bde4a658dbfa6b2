import { constants } from 'node:fs';
import { access, copyFile, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ShieldError, reasonOf, systemCode, writeError } from '../errors/index.js';
import type { UrlSource } from '../plugin/contracts.js';
import { cacheDir, ensureCacheFolder } from './cache-dir.js';
import { withFolderLock } from './folder-lock.js';
import { httpDownload, type HttpDownloadOptions } from './http-download.js';
import { rememberedSha256 } from './remembered-sha256.js';
import { extractTarMember } from './tar-member.js';
import { fileSha256 } from './wheel.js';

export interface UrlAssetOptions extends HttpDownloadOptions {
  /** A copy at hand instead of a download: the archive, or the file itself. */
  readonly from?: string;
}

/**
 * The file of a {@link UrlSource} in `$SHIELD_CACHE/assets/<archive>/`, beside its sha256, which every use checks again unless the
 * file stands as it was.
 *
 * @returns its path
 * @throws DOWNLOAD_FAILED, CHECKSUM_MISMATCH (then nothing is kept), CACHE_NOT_WRITABLE
 */
export async function urlAsset(source: UrlSource, options: UrlAssetOptions): Promise<string> {
  const key = source.archive.replace(/\.(?:tar\.gz|tgz|tar)$/, '');
  const folder = join(cacheDir(), 'assets', key);
  const path = join(folder, source.member);
  if (options.from === undefined && (await isWhole(path, source))) return path;
  await ensureCacheFolder('assets', key);
  try {
    return await withFolderLock(folder, options.log, async () => {
      // Another process may have fetched it while this one waited.
      if (options.from === undefined && (await isWhole(path, source))) return path;
      await provide(folder, path, source, options);
      return path;
    });
  } catch (error) {
    throw cacheError(error, folder);
  }
}

async function provide(folder: string, path: string, source: UrlSource, options: UrlAssetOptions): Promise<void> {
  if (options.from !== undefined) await expectReadable(options.from);
  const temporary = await mkdtemp(join(folder, '.unpacked-'));
  try {
    const draft = join(temporary, 'member');
    const archive = options.from ?? join(folder, source.archive);
    if (options.from === undefined) {
      const url = `${process.env['SHIELD_WEIGHTS_URL'] || source.base}`.replace(/\/?$/, '/') + source.archive;
      const size = source.bytes === undefined ? '' : ` (${Math.round(source.bytes / 1e6)} MB)`;
      options.log(`downloading ${url}${size}`);
      const otherwise = 'a copy at hand is taken by shield weights download NAME --from FILE';
      await httpDownload(url, archive, { otherwise, ...options });
    }
    let sha256: string;
    if (options.from !== undefined && !/\.(?:tar|tar\.gz|tgz)$/.test(options.from)) {
      await copyFile(options.from, draft);
      sha256 = await fileSha256(draft);
    } else {
      try {
        sha256 = await extractTarMember(archive, source.member, draft);
      } finally {
        if (options.from === undefined) await rm(archive, { force: true });
      }
    }
    if (source.sha256 !== undefined && sha256 !== source.sha256) {
      throw new ShieldError('CHECKSUM_MISMATCH', { name: source.member, actual: sha256, expected: source.sha256 });
    }
    // The sum last: without it the file counts as not there.
    await rm(`${path}.sha256`, { force: true });
    await rename(draft, path);
    await writeFile(`${path}.sha256`, `${sha256}\n`);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** @throws DOWNLOAD_FAILED where a copy at hand cannot be read */
export async function expectReadable(path: string): Promise<void> {
  try {
    await access(path, constants.R_OK);
  } catch (error) {
    const expected = 'give the path of the published archive, or of the checkpoint in it';
    throw new ShieldError('DOWNLOAD_FAILED', { name: path, reason: reasonOf(error), expected }, { cause: error });
  }
}

async function isWhole(path: string, source: UrlSource): Promise<boolean> {
  const noted = await readFile(`${path}.sha256`, 'utf8').catch(() => undefined);
  if (noted === undefined) return false;
  const actual = await rememberedSha256(path).catch(() => undefined);
  return actual === noted.trim() && (source.sha256 === undefined || actual === source.sha256);
}

function cacheError(error: unknown, folder: string): unknown {
  const failed =
    error instanceof ShieldError
      ? error
      : /^E[A-Z]+$/.test(systemCode(error) ?? '')
        ? writeError(error, folder)
        : undefined;
  if (failed?.code !== 'DISK_FULL' && failed?.code !== 'WRITE_FAILED') return error;
  const reason = failed.code === 'DISK_FULL' ? 'no space is left on the device' : String(failed.params['reason']);
  return new ShieldError('CACHE_NOT_WRITABLE', { path: folder, reason }, { cause: error });
}
