import { ShieldError, type SourceLocation } from '../errors/index.js';
import { isCommonOption } from '../plugin/common-options.js';
import type { PluginKind } from '../plugin/contracts.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { kindAt } from './plugin-places.js';
import { changesPlugin, merge, type KeepsOption } from './merge.js';
import { MANY, expandShorthand, isManyKind, joinShorthand, nameOf, putNamed, type ManyKind } from './shorthand.js';
import type { ParsedSource, SourceReader } from './sources.js';
import {
  COMMAND_LINE,
  child,
  emptyMap,
  fromPlain,
  getIn,
  locateKey,
  removeIn,
  setIn,
  type MapNode,
  type SpecNode,
} from './tree.js';

/** What the command line chose in place of what the spec composes: `model=NAME`, `attack=[a, b]`. */
export interface Selections {
  readonly dataset?: string;
  readonly model?: string;
  readonly attack?: readonly string[];
  readonly defense?: readonly string[];
}

interface Default {
  /** `''` for a config that stands at the top of the folder. */
  readonly group: string;
  readonly name: string;
  readonly where: SourceLocation;
}

/** The config that a file is, in composition: what its content is put under, and the group that it is of. */
interface Package {
  readonly group: string;
  readonly path: readonly string[];
}

/** Deep merge that keeps, where a plugin is changed for another, the options that both have. */
export const mergeSpecs = (base: SpecNode, over: SpecNode, path: readonly string[] = []): SpecNode =>
  merge(base, over, keepsOption, path);

const keepsOption: KeepsOption = (path, option) => {
  const kind = kindAt(path);
  return kind !== undefined && isCommonOption(kind, option);
};

/**
 * Puts a spec together from its `defaults` and itself. Later defaults win over earlier ones, the spec's own keys over
 * all of them; what the command line selects takes the place of the group's default.
 *
 * @throws SPEC_DEFAULTS_NOT_FOUND, SPEC_DEFAULTS_CYCLE, SPEC_INVALID_VALUE and what reading the files throws
 */
export function composeSpec(
  spec: ParsedSource,
  reader: SourceReader,
  registry: PluginRegistry,
  selections: Selections = {},
): MapNode {
  const composer = new Composer(reader, registry);
  const single = (['dataset', 'model'] as const).filter((kind) => selections[kind] !== undefined);
  let tree = composer.file(spec, undefined, [], new Set());
  if (single.length > 0) {
    const chosen = single.map((kind) => composer.choice(kind, [kind], selections[kind]!));
    const own = single.reduce<MapNode>(
      (body, kind, i) => withoutFormer(body, kind, child(tree, kind), child(chosen[i], kind)),
      spec.tree,
    );
    const rest = composer.defaults({ ...spec, tree: own }, undefined, [], new Set(single));
    tree = composer.over([rest, ...chosen], own);
  }
  tree = joinShorthand(tree, mergeSpecs);
  return (Object.keys(MANY) as ManyKind[]).reduce((selected, kind) => {
    const names = selections[kind];
    return names === undefined ? selected : composer.select(selected, kind, names);
  }, tree);
}

/** The tree with what `+kind=NAME` adds: a config of the group, else the plugin of that name. */
export function addNamed(
  tree: MapNode,
  kind: PluginKind,
  name: string,
  reader: SourceReader,
  registry: PluginRegistry,
): MapNode {
  const composer = new Composer(reader, registry);
  return mergeSpecs(
    tree,
    isManyKind(kind) ? composer.named(kind, name) : composer.choice(kind, [kind], name),
  ) as MapNode;
}

class Composer {
  constructor(
    private readonly reader: SourceReader,
    private readonly registry: PluginRegistry,
  ) {}

  /** @param skipped groups whose defaults are left out, since the command line chooses there */
  file(
    source: ParsedSource,
    at: Package | undefined,
    above: readonly ParsedSource[],
    skipped: ReadonlySet<string>,
  ): MapNode {
    return this.over([this.defaults(source, at, above, skipped)], source.tree, at);
  }

  defaults(
    source: ParsedSource,
    at: Package | undefined,
    above: readonly ParsedSource[],
    skipped: ReadonlySet<string>,
  ): MapNode {
    const composed = readDefaults(source, at)
      .filter(({ group }) => !(skipped.has(group) && group !== at?.group))
      .map((entry) => this.#default(entry, at, [...above, source], skipped));
    return composed.reduce<SpecNode>(
      (base, over) => mergeSpecs(base, over),
      emptyMap({ file: source.file }),
    ) as MapNode;
  }

  /** A file's own content over what it composes. */
  over(composed: readonly MapNode[], tree: MapNode, at?: Package): MapNode {
    const content = removeIn(tree, ['defaults']) as MapNode;
    const placed = at ? setIn(emptyMap(tree.where), at.path, content) : expandShorthand(content, this.registry);
    const body = withOwnNames(placed, this.registry);
    return [...composed, body].reduce((base: SpecNode, over: SpecNode) => mergeSpecs(base, over)) as MapNode;
  }

  #default(
    entry: Default,
    at: Package | undefined,
    above: readonly ParsedSource[],
    skipped: ReadonlySet<string>,
  ): MapNode {
    const source = this.reader.needConfig(entry.group, entry.name, entry.where);
    const start = above.findIndex(({ path }) => path === source.path);
    if (start >= 0) {
      const cycle = [...above.slice(start), source].map(({ file }) => file).join(' → ');
      throw new ShieldError('SPEC_DEFAULTS_CYCLE', { cycle }, { where: entry.where });
    }
    if (entry.group === '') return this.file(source, undefined, above, skipped);
    // A config that builds on another of its own group speaks of the same thing, whatever that one is called.
    const path = entry.group === at?.group ? at.path : packagePath(entry.group, entry.name);
    return this.file(source, { group: entry.group, path }, above, skipped);
  }

  /** What `kind=NAME` means: the config of that name, else the plugin. */
  choice(kind: PluginKind, path: readonly string[], name: string): MapNode {
    const config = /^[\w.-]+(\/[\w.-]+)*$/.test(name) ? this.reader.config(kind, name) : undefined;
    if (config) return this.file(config, { group: kind, path }, [], new Set());
    const use = this.registry.has(kind, name) ? this.registry.get(kind, name).name : name;
    return setIn(emptyMap(COMMAND_LINE), path, fromPlain({ use }, COMMAND_LINE)) as MapNode;
  }

  named(kind: ManyKind, name: string): MapNode {
    return this.choice(kind, [MANY[kind], nameOf(kind, name.split('/').at(-1)!, this.registry)], name);
  }

  /** Only these attacks or defenses: those that the spec names, else configs, else plugins. */
  select(tree: MapNode, kind: ManyKind, names: readonly string[]): MapNode {
    const bare = removeIn(tree, [MANY[kind]]) as MapNode;
    return names.reduce(
      (selected, name) => {
        const written = getIn(tree, [MANY[kind], name]);
        if (written) return putNamed(selected, kind, name, written, locateKey(tree, [MANY[kind], name]));
        return mergeSpecs(selected, this.named(kind, name)) as MapNode;
      },
      setIn(bare, [MANY[kind]], emptyMap(COMMAND_LINE)) as MapNode,
    );
  }
}

/** Aliases in `use` as the plugins' own names, so that files which call a plugin differently mean the same one. */
function withOwnNames(tree: SpecNode, registry: PluginRegistry): SpecNode {
  const many = Object.values(MANY).flatMap((key) => {
    const held = child(tree, key);
    return held?.kind === 'map' ? [...held.entries.keys()].map((name) => [key, name]) : [];
  });
  return [['dataset'], ['model'], ...many].reduce((named, path) => {
    const use = getIn(named, [...path, 'use']);
    const kind = kindAt(path)!;
    if (use?.kind !== 'scalar' || typeof use.value !== 'string' || !registry.has(kind, use.value)) return named;
    return setIn(named, [...path, 'use'], { ...use, value: registry.get(kind, use.value).name });
  }, tree);
}

/** What a spec says of a plugin that was chosen anew, without the options that only the former plugin had. */
function withoutFormer(
  own: MapNode,
  kind: 'dataset' | 'model',
  before: SpecNode | undefined,
  after: SpecNode | undefined,
): MapNode {
  const written = child(own, kind);
  if (written?.kind !== 'map') return own;
  const changed = before !== undefined && after !== undefined && changesPlugin(before, after);
  const kept = [...written.entries].filter(([key]) => (changed ? isCommonOption(kind, key) : key !== 'use'));
  return setIn(own, [kind], { ...written, entries: new Map(kept) }) as MapNode;
}

function packagePath(group: string, name: string): string[] {
  return isManyKind(group) ? [MANY[group], name.split('/').at(-1)!] : [group];
}

/** `defaults: [group/name, …]`; Hydra's `- group: name` is understood too. */
function readDefaults(source: ParsedSource, at: Package | undefined): Default[] {
  const node = child(source.tree, 'defaults');
  if (node === undefined) return [];
  const expected = 'write a list of configs, such as defaults: [model/efficientnet_lite0, dataset/sample_photos]';
  const wrong = (reason: string, where: SourceLocation) =>
    new ShieldError('SPEC_INVALID_VALUE', { key: 'defaults', reason, expected }, { where });
  if (node.kind !== 'list') throw wrong('must be a list', node.where);
  return node.items.map((item) => {
    let text = item.kind === 'scalar' && typeof item.value === 'string' ? item.value : undefined;
    if (item.kind === 'map' && item.entries.size === 1) {
      const [group, { node: name }] = [...item.entries][0]!;
      if (name.kind === 'scalar' && typeof name.value === 'string') text = `${group}/${name.value}`;
    }
    if (text === undefined || !/^[\w.-]+(\/[\w.-]+)*$/.test(text) || text.split('/').includes('..')) {
      throw wrong('must hold names of configs, group/name', item.where);
    }
    const slash = text.indexOf('/');
    if (slash < 0) return { group: at?.group ?? '', name: text, where: item.where };
    return { group: text.slice(0, slash), name: text.slice(slash + 1), where: item.where };
  });
}
