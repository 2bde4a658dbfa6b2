import { ShieldError } from '../errors/index.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { addNamed, type Selections } from './compose.js';
import type { Override } from './override.js';
import { MANY, isManyKind, nameOf, ownName, type ManyKind } from './shorthand.js';
import type { SourceReader } from './sources.js';
import { COMMAND_LINE, child, emptyMap, getIn, setIn, type MapNode, type SpecNode } from './tree.js';

export interface SortedOverrides {
  /** `model=NAME`, `attack=[a, b]`: they choose what is composed. The last one of a kind holds. */
  readonly selections: Selections;
  /** `defaults=…`: what the spec composes. */
  readonly defaults: readonly Override[];
  /** Everything else, in the order given. */
  readonly rest: readonly Override[];
}

export function sortOverrides(overrides: readonly Override[]): SortedOverrides {
  const selections: { -readonly [K in keyof Selections]: Selections[K] } = {};
  const defaults: Override[] = [];
  const rest: Override[] = [];
  for (const override of overrides) {
    const [kind] = override.path;
    const names =
      override.path.length === 1 && (override.action === 'set' || override.action === 'put')
        ? namesIn(override.value)
        : undefined;
    if (kind === 'defaults') defaults.push(override);
    else if (names && isManyKind(kind)) selections[kind] = names;
    else if (names?.length === 1 && (kind === 'dataset' || kind === 'model')) selections[kind] = names[0]!;
    else rest.push(override);
  }
  return { selections, defaults, rest };
}

/**
 * Overrides that speak of a whole attack or defense: `+attack=NAME` adds one, `attack={use: …}` puts one in the place
 * of all. Undefined for any other.
 *
 * @throws OVERRIDE_SYNTAX where one of that name is there already
 */
export function applyWhole(
  tree: MapNode,
  override: Override,
  reader: SourceReader,
  registry: PluginRegistry,
): MapNode | undefined {
  const [kind] = override.path;
  if (override.path.length !== 1 || override.action === 'remove' || override.action === 'options') return undefined;
  if (kind === 'model' || kind === 'dataset') return addSingle(tree, kind, override, reader, registry);
  if (!isManyKind(kind)) return undefined;
  const names = namesIn(override.value);
  if (names) return names.reduce((added, name) => addNew(added, kind, name, override, reader, registry), tree);
  const name = ownName(kind, override.value, registry);
  if (name === undefined) return undefined;
  if (override.action === 'add')
    return setIn(unlessTaken(tree, kind, name, override), [MANY[kind], name], override.value) as MapNode;
  const only = setIn(emptyMap(COMMAND_LINE), [name], override.value);
  return setIn(tree, [MANY[kind]], only) as MapNode;
}

function addSingle(
  tree: MapNode,
  kind: 'model' | 'dataset',
  override: Override,
  reader: SourceReader,
  registry: PluginRegistry,
): MapNode | undefined {
  const [name] = 'value' in override ? (namesIn(override.value) ?? []) : [];
  if (override.action !== 'add' || name === undefined || child(tree, kind)) return undefined;
  return addNamed(tree, kind, name, reader, registry);
}

function addNew(
  tree: MapNode,
  kind: ManyKind,
  name: string,
  override: Override,
  reader: SourceReader,
  registry: PluginRegistry,
): MapNode {
  const short = nameOf(kind, name.split('/').at(-1)!, registry);
  return addNamed(unlessTaken(tree, kind, short, override), kind, name, reader, registry);
}

function unlessTaken(tree: MapNode, kind: ManyKind, name: string, override: Override): MapNode {
  if (!getIn(tree, [MANY[kind], name])) return tree;
  const reason = `${MANY[kind]}.${name} stands in the spec already`;
  throw new ShieldError('OVERRIDE_SYNTAX', { text: override.text, reason }, { where: COMMAND_LINE });
}

function namesIn(value: SpecNode): string[] | undefined {
  const items = value.kind === 'list' ? value.items : [value];
  const names = items.map((item) =>
    item.kind === 'scalar' && typeof item.value === 'string' ? item.value : undefined,
  );
  return names.every((name) => name !== undefined && name !== '' && !name.includes('${'))
    ? (names as string[])
    : undefined;
}
