import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import type { SourceLocation } from '../errors/index.js';
import { applyOverride, type KnownKeys } from './apply-overrides.js';
import { interpolateAt, type InterpolationOptions } from './interpolate.js';
import { isPluginPath, pluginPath } from './load-plugins.js';
import type { Override } from './override.js';
import { COMMAND_LINE, fromPlain, locateValue, setIn, type MapNode } from './tree.js';

/** One entry of a spec's `plugins:`. */
export interface NamedPlugin {
  readonly name: string;
  /** What its path is relative to: the folder of the file that names it, or the working directory. */
  readonly folder: string;
  readonly where: SourceLocation;
}

/** The plugins that a composed spec names, the command line's say included; none where the list is not one of names. */
export function namedPlugins(
  composed: MapNode,
  overrides: readonly Override[],
  known: KnownKeys,
  interpolation: InterpolationOptions,
  spec: { readonly file: string; readonly folder: string },
): NamedPlugin[] {
  const about = overrides.filter(({ path }) => path[0] === 'plugins');
  const tree = about.reduce((changed, override) => applyOverride(changed, override, known), composed);
  const list = interpolateAt(tree, ['plugins'], interpolation);
  if (list?.kind !== 'list') return [];
  return list.items.flatMap((item) => {
    if (item.kind !== 'scalar' || typeof item.value !== 'string' || item.value === '') return [];
    return [{ name: item.value, folder: folderOf(item.where, spec), where: item.where }];
  });
}

/**
 * The spec with its plugin paths relative to the spec's folder, whichever file named them, so that the resolved spec
 * says the same on every machine. Absolute paths stay as the user wrote them.
 */
export function withPortablePlugins(tree: MapNode, plugins: readonly NamedPlugin[], specFolder: string): MapNode {
  if (plugins.length === 0) return tree;
  const names = plugins.map(({ name, folder }) => {
    if (!isPluginPath(name) || isAbsolute(name) || name.startsWith('file:')) return name;
    const path = relative(specFolder, pluginPath(name, folder)).split(sep).join('/');
    return path.startsWith('.') ? path : `./${path}`;
  });
  return setIn(tree, ['plugins'], fromPlain(names, locateValue(tree, ['plugins']))) as MapNode;
}

function folderOf(where: SourceLocation, spec: { readonly file: string; readonly folder: string }): string {
  if (where.file === spec.file) return spec.folder;
  return where.file === COMMAND_LINE.file ? process.cwd() : dirname(resolve(where.file));
}
