import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir } from '../../assets/cache-dir.js';
import { TENSORFLOW_VERSION, bindingSource } from './release.js';

/** What a finished native backend says of itself, in `manifest.json`; written last, so that its presence means whole. */
export interface NativeManifest {
  readonly tensorflow: string;
  /** Version of the npm package whose sources the addon was compiled from. */
  readonly tfjsNode: string;
  readonly bindingDigest: string;
  readonly gpu: boolean;
  readonly wheel: { readonly file: string; readonly sha256: string };
  readonly compiler: string;
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
  readonly made: string;
}

export interface NativeInstallation {
  readonly tensorflow: string;
  readonly gpu: boolean;
  readonly folder: string;
  /** Path of the compiled addon. */
  readonly addon: string;
  readonly manifest: NativeManifest;
}

export const ADDON = 'tfjs_binding.node';

/** Where native backends are kept. */
export function nativeFolder(): string {
  return join(cacheDir(), 'native');
}

/** The folder for this machine, this TensorFlow and this source of the addon. */
export function installationFolder(gpu: boolean): string {
  const { version, digest } = bindingSource();
  const kind = gpu ? 'gpu' : 'cpu';
  const key = `tensorflow-${TENSORFLOW_VERSION}-${kind}-${process.platform}-${process.arch}-tfjs-${version}-${digest.slice(0, 8)}`;
  return join(nativeFolder(), key);
}

/** A finished installation whose files are all there at their full length, or undefined. Takes about a millisecond. */
export function findInstallation(gpu: boolean): NativeInstallation | undefined {
  const folder = installationFolder(gpu);
  const manifest = readManifest(folder);
  if (!manifest) return undefined;
  for (const [name, { bytes }] of Object.entries(manifest.files)) {
    if (statSync(join(folder, name), { throwIfNoEntry: false })?.size !== bytes) return undefined;
  }
  return describe(folder, manifest);
}

export function describe(folder: string, manifest: NativeManifest): NativeInstallation {
  return { tensorflow: manifest.tensorflow, gpu: manifest.gpu, folder, addon: join(folder, ADDON), manifest };
}

function readManifest(folder: string): NativeManifest | undefined {
  const path = join(folder, 'manifest.json');
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as NativeManifest;
  } catch {
    return undefined;
  }
}
