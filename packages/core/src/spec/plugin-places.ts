import type { PluginKind } from '../plugin/contracts.js';
import { ENSEMBLE } from '../plugin/registry.js';
import type { EnsembleUse, PluginUse } from './resolved-spec.js';
import { asIndex, type SpecPath } from './tree.js';

/*
 * Where in a spec a plugin stands. Attacks, defenses and trackers are named; a defense may be a list of plugins (a
 * chain) or an ensemble, whose members each have a defense and a model of their own.
 */

/** What a spec is run by that does not say. */
export const EXECUTOR = 'inline';

/** The kind of the plugin that stands at a path of the composed spec. */
export function kindAt(path: SpecPath): PluginKind | undefined {
  const [first, second] = path;
  if (path.length === 1 && (first === 'dataset' || first === 'model')) return first;
  if (path.length === 1 && first === 'execution') return 'executor';
  if (path.length === 2 && first === 'attacks') return 'attack';
  if (first === 'defenses') return kindInDefense(path.slice(2), path.length);
  if (path.length === 3 && path.join('.') === 'threat.black-box.model') return 'model';
  if (path.length === 3 && first === 'tracking' && second === 'trackers') return 'tracker';
  return undefined;
}

function kindInDefense(within: SpecPath, length: number): PluginKind | undefined {
  if (length < 2) return undefined;
  if (isChainPlace(within)) return 'defense';
  const [members, index, part, ...rest] = within;
  if (members !== 'members' || index === undefined || asIndex(index) === undefined) return undefined;
  if (part === 'model' && rest.length === 0) return 'model';
  return part === 'defense' && isChainPlace(rest) ? 'defense' : undefined;
}

/** Nothing, or the number of one defense of a chain. */
function isChainPlace(path: SpecPath): boolean {
  return path.length === 0 || (path.length === 1 && asIndex(path[0]!) !== undefined);
}

/** Every place of a spec where a plugin stands, those of an ensemble's members among them. */
export function pluginPlaces(plain: unknown): SpecPath[] {
  const named = (path: SpecPath) => keysOf(memberAt(plain, path)).map((name) => [...path, name]);
  const defenses = named(['defenses']).flatMap((path) => {
    if (!isEnsembleUse(memberAt(plain, path))) return inChain(plain, path);
    const members = memberAt(plain, [...path, 'members']);
    if (!Array.isArray(members)) return [];
    return members.flatMap((_, i) => [
      ...inChain(plain, [...path, 'members', i, 'defense']),
      [...path, 'members', i, 'model'],
    ]);
  });
  const others: SpecPath[] = [['dataset'], ['model'], ...named(['attacks'])];
  return [
    ...others,
    ...defenses,
    ['threat', 'black-box', 'model'],
    ...named(['tracking', 'trackers']),
    ['execution'],
  ].filter((path) => isMapping(memberAt(plain, path)));
}

/** The names of the defenses that are ensembles. */
export function ensembleNames(plain: unknown): string[] {
  return keysOf(memberAt(plain, ['defenses'])).filter((name) => isEnsembleUse(memberAt(plain, ['defenses', name])));
}

/** Whether what a spec says of a defense is an ensemble. */
export function isEnsembleUse(use: unknown): use is EnsembleUse {
  return isMapping(use) && use['use'] === ENSEMBLE;
}

/** The plugins of a resolved chain, one or several. */
export function chainUses(use: PluginUse | readonly PluginUse[] | undefined): readonly PluginUse[] {
  if (use === undefined) return [];
  return Array.isArray(use) ? (use as readonly PluginUse[]) : [use as PluginUse];
}

function inChain(plain: unknown, path: SpecPath): SpecPath[] {
  const value = memberAt(plain, path);
  return Array.isArray(value) ? value.map((_, i) => [...path, i]) : [path];
}

/** What stands at a path of plain data; undefined where nothing does. */
export function memberAt(plain: unknown, path: SpecPath): unknown {
  return path.reduce<unknown>((value, key) => {
    if (Array.isArray(value)) return value[asIndex(key) ?? -1];
    return isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }, plain);
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function keysOf(value: unknown): string[] {
  return isMapping(value) ? Object.keys(value) : [];
}
