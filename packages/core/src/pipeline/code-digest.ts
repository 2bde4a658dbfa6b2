import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import type { Plugin } from '../plugin/define.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { kindAt, memberAt, pluginPlaces } from '../spec/plugin-places.js';
import type { PluginUse, ResolvedSpec } from '../spec/resolved-spec.js';
import { coreDigest, sourceDigest, sourceFiles } from './source-digest.js';

let core: string | undefined;
const plugins = new WeakMap<Plugin, string>();
const records = new WeakMap<Plugin, PluginCodeRecord>();

/**
 * {@link coreDigest} as it was when this process first asked: what runs is the code that was loaded then, whatever
 * becomes of its files in the meantime.
 */
export function coreCode(): string {
  return (core ??= coreDigest());
}

/** {@link sourceDigest} of a plugin as it was when this process first asked. */
export function pluginCode(plugin: Plugin): string {
  let digest = plugins.get(plugin);
  if (digest === undefined) plugins.set(plugin, (digest = sourceDigest(plugin.sourceFile)));
  return digest;
}

/** The plugins that a resolved spec names, by their places; observers and executors, which change no result, aside. */
export function pluginsOf(spec: ResolvedSpec, registry: PluginRegistry): [place: string, plugin: Plugin][] {
  return pluginPlaces(spec).flatMap((path): [string, Plugin][] => {
    const kind = kindAt(path)!;
    if (kind === 'tracker' || kind === 'executor') return [];
    const { use } = memberAt(spec, path) as PluginUse;
    return [[path.join('.'), registry.get(kind, use) as Plugin]];
  });
}

/** The code that carries out a spec: what artifacts are named by, and of plugins every file. */
export interface CodeRecord {
  /** Digest of the parts of core that decide numbers. */
  readonly core: string;
  /** By `kind:name`. */
  readonly plugins: Readonly<Record<string, PluginCodeRecord>>;
}

export interface PluginCodeRecord {
  readonly digest: string;
  /** sha256 of each file that it is made of, by its path from the plugin's folder. */
  readonly files: Readonly<Record<string, string>>;
}

export function codeOf(spec: ResolvedSpec, registry: PluginRegistry): CodeRecord {
  const plugins: Record<string, PluginCodeRecord> = {};
  for (const [, plugin] of pluginsOf(spec, registry)) {
    let record = records.get(plugin);
    if (!record) records.set(plugin, (record = { digest: pluginCode(plugin), files: filesOf(plugin) }));
    plugins[`${plugin.kind}:${plugin.name}`] = record;
  }
  return { core: coreCode(), plugins };
}

function filesOf({ sourceFile }: Plugin): Record<string, string> {
  if (sourceFile === undefined || !existsSync(sourceFile)) return {};
  const hash = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
  return Object.fromEntries(sourceFiles(sourceFile).map((path) => [relative(dirname(sourceFile), path), hash(path)]));
}
