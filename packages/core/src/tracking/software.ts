import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export interface LockFile {
  readonly file: string;
  readonly sha256: string;
}

/** What a result can rest on beside the plugins' own code. */
const LIBRARIES = [
  '@tensorflow/tfjs-core',
  '@tensorflow/tfjs-backend-cpu',
  '@tensorflow/tfjs-backend-wasm',
  '@tensorflow/tfjs-node-gpu',
  'sharp',
  'yaml',
  'ajv',
  'protobufjs',
];
const SHIELD = ['shield', '@shield/core', '@shield/attacks', '@shield/defenses', '@shield/models', '@shield/datasets'];

/**
 * Name and version of SHIELD's packages and of the libraries that decide numbers, as installed; of sharp also its
 * libvips. Packages that are not there are left out.
 */
export async function collectSoftware(projectDir: string): Promise<Readonly<Record<string, string>>> {
  const require = createRequire(import.meta.url);
  const names = [...SHIELD, ...LIBRARIES];
  const found = await Promise.all(
    names.map(async (name) => [name, await versionOf(name, projectDir, require)] as const),
  );
  const packages = found.filter((entry): entry is readonly [string, string] => entry[1] !== undefined);
  const libvips = await libvipsVersion(require);
  return {
    node: process.versions.node,
    v8: process.versions.v8,
    ...Object.fromEntries(packages),
    ...(libvips ? { libvips } : {}),
  };
}

/** The nearest npm lock file from `folder` upwards, and what it holds. */
export async function collectLockFile(folder: string): Promise<LockFile | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    for (const name of ['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock']) {
      const content = await readFile(join(at, name)).catch(() => undefined);
      if (content) return { file: name, sha256: createHash('sha256').update(content).digest('hex') };
    }
    if (dirname(at) === at) return undefined;
  }
}

async function versionOf(name: string, projectDir: string, require: NodeJS.Require): Promise<string | undefined> {
  // Packages may close their package.json to the outside, so it is looked for as Node looks for the package.
  const folders = [projectDir, ...(require.resolve.paths(name) ?? []).map((base) => join(base, name))];
  for (const folder of folders) {
    const json = await readJson(join(folder, 'package.json'));
    if (json?.['name'] === name && typeof json['version'] === 'string') return json['version'];
  }
  return undefined;
}

/** sharp's binaries bring their own libvips and say which. */
async function libvipsVersion(require: NodeJS.Require): Promise<string | undefined> {
  const platform = `${process.platform}${isMusl() ? 'musl' : ''}-${process.arch}`;
  for (const base of require.resolve.paths('sharp') ?? []) {
    const json = await readJson(join(base, '@img', `sharp-libvips-${platform}`, 'versions.json'));
    if (typeof json?.['vips'] === 'string') return json['vips'];
  }
  return undefined;
}

function isMusl(): boolean {
  if (process.platform !== 'linux') return false;
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime === undefined;
}

async function readJson(path: string): Promise<Record<string, unknown> | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
