import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ShieldError } from '../../errors/index.js';
import { PROCESS_ADDON_SOURCE } from './process-addon.js';

/** The TensorFlow that the native backend is made of. */
export const TENSORFLOW_VERSION = '2.21.0';

/** One wheel of {@link TENSORFLOW_VERSION} on the Python Package Index. */
export interface TensorFlowWheel {
  readonly distribution: 'tensorflow-cpu' | 'tensorflow';
  /** pip's name of the platform. */
  readonly platform: string;
  readonly sha256: string;
  /** Of the wheel, where it was measured. */
  readonly bytes?: number;
  /** What the finished folder and the downloads need on disk together, in bytes. */
  readonly diskBytes: number;
}

/**
 * The wheel for this machine. Of a wheel only the C library is used, which does not depend on the version of Python: so
 * the one for CPython 3.11 is fetched whatever Python is there, and its checksum is known beforehand.
 *
 * @throws SETUP_FAILED on platforms without one
 */
export function wheelFor(gpu: boolean, platform = process.platform, arch = process.arch): TensorFlowWheel {
  if (platform === 'linux' && arch === 'x64' && gpu) {
    return {
      distribution: 'tensorflow',
      platform: 'manylinux_2_27_x86_64',
      sha256: '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
      diskBytes: 9e9,
    };
  }
  if (platform === 'linux' && arch === 'x64') {
    return {
      distribution: 'tensorflow-cpu',
      platform: 'manylinux_2_27_x86_64',
      sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
      bytes: 273_829_956,
      diskBytes: 1.5e9,
    };
  }
  if (platform === 'linux' && arch === 'arm64') {
    return {
      distribution: 'tensorflow',
      platform: 'manylinux_2_27_aarch64',
      sha256: '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
      diskBytes: 1.5e9,
    };
  }
  throw new ShieldError('SETUP_FAILED', {
    reason: `there is none for ${platform} on ${arch}`,
    expected: 'use backend: wasm here, or run on Linux (x64 or arm64)',
  });
}

/** The npm package whose own sources the addon is compiled from. */
export interface BindingSource {
  readonly version: string;
  /** Its folder. */
  readonly folder: string;
  /** The .cc files, absolute. */
  readonly sources: readonly string[];
  /** Folder of node_api.h. */
  readonly nodeApiHeaders: string;
  /** sha256 over everything that is compiled, in hex. */
  readonly digest: string;
}

export function bindingSource(): BindingSource {
  const require = createRequire(import.meta.url);
  const packageJson = require.resolve('@tensorflow/tfjs-node-gpu/package.json');
  const folder = join(dirname(packageJson), 'binding');
  const hash = createHash('sha256').update(PROCESS_ADDON_SOURCE);
  const files = readdirSync(folder).sort();
  for (const file of files)
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(folder, file)));
  return {
    version: (JSON.parse(readFileSync(packageJson, 'utf8')) as { version: string }).version,
    folder,
    sources: files.filter((file) => file.endsWith('.cc')).map((file) => join(folder, file)),
    nodeApiHeaders: join(dirname(require.resolve('node-api-headers')), 'include'),
    digest: hash.digest('hex'),
  };
}
