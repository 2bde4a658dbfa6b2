import { existsSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import type { Plugin } from '../plugin/define.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { isPluginPath, pluginPath } from '../spec/load-plugins.js';
import { kindAt, memberAt, pluginPlaces } from '../spec/plugin-places.js';
import type { PluginUse, ResolvedSpec } from '../spec/resolved-spec.js';
import type { SpecSource } from '../spec/sources.js';
import { sourceFiles } from './source-digest.js';

export interface UsedBy {
  /** The spec and the configs that it was composed of. */
  readonly sources: readonly SpecSource[];
  /** Of all that it came to. */
  readonly specs: readonly ResolvedSpec[];
  readonly registry: PluginRegistry;
  /** Folder that paths in the spec are relative to. */
  readonly specFolder: string;
  readonly runsFolder: string;
}

/**
 * What an experiment is made of, as absolute paths: the spec, its configs, and its plugins' code, observers too. A spec
 * that stands in a run's own directory, as when a run is reproduced, is on record already.
 */
export function usedFiles({ sources, specs, registry, specFolder, runsFolder }: UsedBy): string[] {
  const plugins = new Set<string>();
  for (const spec of specs) {
    for (const name of spec.plugins) if (isPluginPath(name)) plugins.add(pluginPath(name, specFolder));
    for (const path of pluginPlaces(spec)) {
      const { sourceFile } = registry.get(kindAt(path)!, (memberAt(spec, path) as PluginUse).use) as Plugin;
      if (sourceFile !== undefined) plugins.add(sourceFile);
    }
  }
  const written = sources.flatMap(({ path }) =>
    path === undefined || within(runsFolder, path) ? [] : [resolve(path)],
  );
  return [...new Set([...written, ...[...plugins].filter(existsSync).flatMap((path) => sourceFiles(path))])];
}

function within(folder: string, path: string): boolean {
  const way = relative(resolve(folder), resolve(path));
  return !way.startsWith('..') && !isAbsolute(way);
}
