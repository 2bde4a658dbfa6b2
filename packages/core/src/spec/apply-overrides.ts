import { ShieldError, didYouMean } from '../errors/index.js';
import { mergeSpecs } from './compose.js';
import type { Override } from './override.js';
import { MANY, longPath, namesOf, type ManyKind } from './shorthand.js';
import {
  COMMAND_LINE,
  child,
  emptyMap,
  formatPath,
  fromPlain,
  getIn,
  removeIn,
  setIn,
  type MapNode,
  type SpecNode,
} from './tree.js';

/** What the schemas of the spec and of its plugins know of a path. */
export interface KnownKeys {
  knows(tree: MapNode, path: readonly string[]): boolean;
  keysAt(tree: MapNode, path: readonly string[]): readonly string[];
  defaultAt(tree: MapNode, path: readonly string[]): unknown;
}

/**
 * Applies one override. A key may be changed that is written or that the schema knows; a new one needs `+`.
 *
 * @throws OVERRIDE_UNKNOWN_KEY with the nearest key, OVERRIDE_SYNTAX
 */
export function applyOverride(tree: MapNode, override: Override, known: KnownKeys): MapNode {
  const path = pathIn(tree, override);
  const written = getIn(tree, path) !== undefined;
  switch (override.action) {
    case 'remove':
      if (!written) throw unknownKey(tree, override, path, known);
      return removeIn(tree, path) as MapNode;
    case 'options':
      if (!written && !known.knows(tree, path)) throw unknownKey(tree, override, path, known);
      return put(tree, path, override.value, override);
    case 'add':
      if (written)
        throw fault(override, `${formatPath(path)} stands in the spec already; leave the + out to change it`);
      return put(withDefaults(tree, path, known), path, override.value, override);
    case 'put':
      return put(withDefaults(tree, path, known), path, override.value, override);
    case 'set': {
      const filled = withDefaults(tree, path, known);
      if (getIn(filled, path) === undefined && !known.knows(filled, path))
        throw unknownKey(tree, override, path, known);
      return put(filled, path, override.value, override);
    }
  }
}

function pathIn(tree: MapNode, override: Override): readonly string[] {
  const path = longPath(tree, override.path);
  if (path) return path;
  const kind = override.path[0] as ManyKind;
  const names = namesOf(tree, kind);
  const reason =
    names.length === 0
      ? `the spec has no ${kind}; choose one by ${kind}=NAME`
      : `the spec has the ${MANY[kind]} ${names.join(', ')}; write ${MANY[kind]}.NAME.…`;
  throw fault(override, reason);
}

function put(tree: MapNode, path: readonly string[], value: SpecNode, override: Override): MapNode {
  const parent = path.slice(0, -1);
  const key = path.at(-1)!;
  const before = getIn(tree, path);
  const merges = key === 'use' || (before?.kind === 'map' && value.kind === 'map');
  try {
    if (!merges || child(getIn(tree, parent), key) === undefined)
      return setIn(tree, path, value, COMMAND_LINE) as MapNode;
    // Through merge, since a change of `use` drops the options of the former plugin.
    const over = setIn(emptyMap(getIn(tree, parent)!.where), [key], value, COMMAND_LINE);
    return setIn(tree, parent, mergeSpecs(getIn(tree, parent)!, over, parent)) as MapNode;
  } catch (error) {
    if (error instanceof RangeError)
      throw fault(override, `${formatPath(path)} leads through a value that is no mapping`);
    throw error;
  }
}

/** Writes out the list or mapping of defaults that the path leads into, so that one item of it can be changed. */
function withDefaults(tree: MapNode, path: readonly string[], known: KnownKeys): MapNode {
  for (let length = 1; length < path.length; length++) {
    const above = path.slice(0, length);
    if (getIn(tree, above) !== undefined) continue;
    const value = known.defaultAt(tree, above);
    if (typeof value !== 'object' || value === null) return tree;
    return setIn(tree, above, fromPlain(value, COMMAND_LINE)) as MapNode;
  }
  return tree;
}

function unknownKey(tree: MapNode, override: Override, path: readonly string[], known: KnownKeys): ShieldError {
  let length = 0;
  while (
    length < path.length - 1 &&
    (getIn(tree, path.slice(0, length + 1)) !== undefined || known.knows(tree, path.slice(0, length + 1)))
  ) {
    length++;
  }
  const above = path.slice(0, length);
  const node = getIn(tree, above);
  const keys = [...known.keysAt(tree, above), ...(node?.kind === 'map' ? node.entries.keys() : [])];
  const { text } = override;
  return new ShieldError(
    'OVERRIDE_UNKNOWN_KEY',
    { text, key: formatPath(override.path), hint: didYouMean(path[length]!, new Set(keys)) },
    { where: COMMAND_LINE },
  );
}

function fault(override: Override, reason: string): ShieldError {
  return new ShieldError('OVERRIDE_SYNTAX', { text: override.text, reason }, { where: COMMAND_LINE });
}
