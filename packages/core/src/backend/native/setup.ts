import { mkdir, readdir, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureCacheFolder } from '../../assets/cache-dir.js';
import { pipDownload } from '../../assets/pip.js';
import { extractMembers, fileSha256 } from '../../assets/wheel.js';
import { ShieldError, reasonOf, systemCode } from '../../errors/index.js';
import { compileAddon, compilerVersion } from './compile-addon.js';
import { downloadCuda, hasNvidiaGpu } from './cuda.js';
import {
  ADDON,
  describe,
  findInstallation,
  installationFolder,
  type NativeInstallation,
  type NativeManifest,
} from './installation.js';
import { TENSORFLOW_VERSION, bindingSource, wheelFor, type TensorFlowWheel } from './release.js';
import { PROCESS_ADDON } from './process-addon.js';
import { verifyAddon } from './verify-addon.js';

export interface SetupOptions {
  /** With CUDA. Default: where `nvidia-smi` names a GPU. */
  readonly gpu?: boolean;
  /** One line of progress. */
  readonly log: (message: string) => void;
  /** Makes it anew although it is there. */
  readonly force?: boolean;
  /** Ends the download when the run is being stopped. */
  readonly signal?: AbortSignal;
}

/** Folders of the wheel's headers that the addon's sources include, directly or through others. */
const HEADERS = /^tensorflow\/include\/(tensorflow\/c|tensorflow\/core\/platform|tsl\/platform|xla\/tsl\/c)\/.*\.h$/;
const LIBRARIES = /^tensorflow\/libtensorflow_(cc|framework)\.so\.2$/;

/**
 * Prepares the native backend in the cache: TensorFlow's C library out of its wheel (through the user's own pip), and
 * the addon compiled against it from the sources in the npm package @tensorflow/tfjs-node-gpu. The folder is moved in
 * place whole, once the addon was seen to work; a second call finds it and returns at once.
 *
 * @throws SETUP_FAILED, CHECKSUM_MISMATCH, CACHE_NOT_WRITABLE
 */
export async function setupNative(options: SetupOptions): Promise<NativeInstallation> {
  const gpu = options.gpu ?? (await hasNvidiaGpu());
  const present = options.force ? undefined : findInstallation(gpu);
  if (present) return present;
  const wheel = wheelFor(gpu);
  await compilerVersion();
  const native = await ensureCacheFolder('native');
  const release = await lock(native, options.log);
  try {
    // Another process may have finished it while this one waited.
    const finished = options.force ? undefined : findInstallation(gpu);
    if (finished) return finished;
    await removeLeftovers(native);
    await checkSpace(native, wheel);
    return await build(native, gpu, wheel, options);
  } catch (error) {
    // Stopping is no failure.
    options.signal?.throwIfAborted();
    throw asSetupError(error, native);
  } finally {
    await release();
  }
}

async function build(
  native: string,
  gpu: boolean,
  wheel: TensorFlowWheel,
  options: SetupOptions,
): Promise<NativeInstallation> {
  const temporary = join(native, `.making-${process.pid}`);
  await mkdir(temporary);
  try {
    const manifest = await fill(temporary, gpu, wheel, options);
    await writeFile(join(temporary, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`, { flush: true });
    const folder = installationFolder(gpu);
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
    options.log(`the native backend is ready: TensorFlow ${TENSORFLOW_VERSION}${gpu ? ' with CUDA' : ''}`);
    return describe(folder, manifest);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function fill(
  folder: string,
  gpu: boolean,
  wheel: TensorFlowWheel,
  { log, signal }: SetupOptions,
): Promise<NativeManifest> {
  const source = bindingSource();
  const downloads = join(folder, 'downloads');
  await mkdir(downloads);
  const platform = [
    '--platform',
    wheel.platform,
    '--implementation',
    'cp',
    '--python-version',
    '3.11',
    '--abi',
    'cp311',
  ];
  const archive = await pipDownload(`${wheel.distribution}==${TENSORFLOW_VERSION}`, downloads, {
    args: platform,
    log,
    ...(wheel.bytes === undefined ? {} : { bytes: wheel.bytes }),
    ...(signal ? { signal } : {}),
  });
  const sha256 = await fileSha256(archive);
  if (sha256 !== wheel.sha256) {
    throw new ShieldError('CHECKSUM_MISMATCH', { name: archive, actual: sha256, expected: wheel.sha256 });
  }
  log('unpacking TensorFlow');
  const members = await extractMembers(archive, folder, (name) => LIBRARIES.test(name) || HEADERS.test(name));
  if (gpu && process.arch === 'x64') members.push(...(await downloadCuda(archive, folder, downloads, log)));
  await rm(downloads, { recursive: true });
  log('compiling the addon');
  const compilerUsed = await compileAddon(folder, source);
  await rm(join(folder, 'tensorflow', 'include'), { recursive: true });
  log('checking that it works');
  const { gpu: seen } = await verifyAddon(join(folder, ADDON));
  if (gpu && !seen)
    log('TensorFlow sees no usable GPU (the driver may be too old for CUDA 12): it will run on the CPU');

  const files: Record<string, { bytes: number; sha256: string }> = {};
  const kept = members.filter(({ name }) => !HEADERS.test(name));
  for (const member of kept) {
    files[member.name] = { bytes: (await stat(member.path)).size, sha256: member.sha256 };
  }
  for (const name of [ADDON, PROCESS_ADDON]) {
    const path = join(folder, name);
    files[name] = { bytes: (await stat(path)).size, sha256: await fileSha256(path) };
  }
  return {
    tensorflow: TENSORFLOW_VERSION,
    tfjsNode: source.version,
    bindingDigest: source.digest,
    gpu,
    wheel: { file: archive.slice(downloads.length + 1), sha256 },
    compiler: compilerUsed,
    files,
    made: new Date().toISOString(),
  };
}

/** One process at a time prepares it; the others wait and find it done. A lock whose holder died lapses in a minute. */
async function lock(native: string, log: SetupOptions['log']): Promise<() => Promise<void>> {
  const { default: lockfile } = await import('proper-lockfile');
  const settings = { lockfilePath: join(native, '.lock'), stale: 60_000, update: 5_000 };
  try {
    return await lockfile.lock(native, settings);
  } catch (error) {
    if (systemCode(error) !== 'ELOCKED') throw asSetupError(error, native);
  }
  log('another process is preparing the native backend: waiting for it');
  try {
    return await lockfile.lock(native, {
      ...settings,
      retries: { retries: 3600, factor: 1, minTimeout: 500, maxTimeout: 500 },
    });
  } catch (error) {
    throw asSetupError(error, native);
  }
}

/** What a killed process left half made. */
async function removeLeftovers(native: string): Promise<void> {
  const names = await readdir(native);
  for (const name of names.filter((entry) => entry.startsWith('.making-'))) {
    await rm(join(native, name), { recursive: true, force: true });
  }
}

async function checkSpace(native: string, wheel: TensorFlowWheel): Promise<void> {
  const { bavail, bsize } = await statfs(native);
  if (bavail * bsize >= wheel.diskBytes) return;
  const [free, needed] = [bavail * bsize, wheel.diskBytes].map((bytes) => `${(bytes / 1e9).toFixed(1)} GB`);
  throw new ShieldError('SETUP_FAILED', {
    reason: `${native} has ${free} free and ${needed} are needed`,
    expected: 'free some space, or set SHIELD_CACHE to a folder on a larger disk',
  });
}

function asSetupError(error: unknown, native: string): ShieldError {
  if (error instanceof ShieldError && error.code !== 'DOWNLOAD_FAILED') return error;
  if (error instanceof ShieldError) {
    const expected = `${error.fix}; then: shield setup (or set backend: wasm)`;
    return new ShieldError('SETUP_FAILED', { reason: error.message, expected }, { cause: error });
  }
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const expected = 'free some space, or set SHIELD_CACHE to a folder on a larger disk';
    return new ShieldError('SETUP_FAILED', { reason: `no space left in ${native}`, expected }, { cause: error });
  }
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') {
    return new ShieldError('CACHE_NOT_WRITABLE', { path: native, reason: reasonOf(error) }, { cause: error });
  }
  const expected = 'run shield setup again; if it fails again, set backend: wasm and report it';
  return new ShieldError('SETUP_FAILED', { reason: reasonOf(error), expected }, { cause: error });
}
