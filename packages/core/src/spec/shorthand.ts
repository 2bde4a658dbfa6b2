import { ShieldError, type SourceLocation } from '../errors/index.js';
import { ENSEMBLE, type PluginRegistry } from '../plugin/registry.js';
import { child, emptyMap, fromPlain, getIn, locateKey, removeIn, setIn, type MapNode, type SpecNode } from './tree.js';

/** Kinds that a spec may name several of, and what holds them. */
export const MANY = { attack: 'attacks', defense: 'defenses' } as const;
export type ManyKind = keyof typeof MANY;

export function isManyKind(key: string | number | undefined): key is ManyKind {
  return key === 'attack' || key === 'defense';
}

/**
 * `attack: { use: fgsm, … }` as `attacks: { fgsm: { use: fgsm, … } }`, for defenses too: one file of a spec at a time,
 * before it is composed with others. One without `use` is left as it is: it may give options to an attack that another
 * file brings.
 *
 * @throws SPEC_INVALID_VALUE where the same name stands under `attacks` of that file
 */
export function expandShorthand(tree: MapNode, registry: PluginRegistry): MapNode {
  return (Object.keys(MANY) as ManyKind[]).reduce((expanded, kind) => {
    const single = child(expanded, kind);
    const name = ownName(kind, single, registry);
    return single && name !== undefined ? moved(expanded, kind, kind, name, single) : expanded;
  }, withNamedEnsemble(tree));
}

/** `ensemble: { members: … }` as the defense `ensemble`. */
function withNamedEnsemble(tree: MapNode): MapNode {
  const ensemble = child(tree, ENSEMBLE);
  if (ensemble === undefined) return tree;
  if (ensemble.kind !== 'map') {
    const expected = 'write ensemble: { vote: majority, members: [{ defense: { use: … }, model: { use: … } }, …] }';
    throw new ShieldError(
      'SPEC_INVALID_VALUE',
      { key: ENSEMBLE, reason: 'must be a mapping', expected },
      { where: ensemble.where },
    );
  }
  const use = fromPlain(ENSEMBLE, ensemble.where);
  return moved(tree, ENSEMBLE, 'defense', ENSEMBLE, setIn(ensemble, ['use'], use));
}

/** The tree with what stands at `key` of the top put among the named ones. */
function moved(tree: MapNode, key: string, kind: ManyKind, name: string, node: SpecNode): MapNode {
  const where = locateKey(tree, [key]);
  if (getIn(tree, [MANY[kind], name])) {
    const reason = `and ${MANY[kind]}.${name} both stand in this file`;
    throw new ShieldError('SPEC_INVALID_VALUE', { key, reason, expected: 'give one of them' }, { where });
  }
  return putNamed(removeIn(tree, [key]) as MapNode, kind, name, node, where);
}

/** What one plugin or a chain of defenses goes by where it has no name; undefined for what names no plugin. */
export function ownName(kind: ManyKind, node: SpecNode | undefined, registry: PluginRegistry): string | undefined {
  const uses = (kind === 'defense' && node?.kind === 'list' ? node.items : [node]).map((item) => child(item, 'use'));
  const names = uses.map((use) =>
    use?.kind === 'scalar' && typeof use.value === 'string' ? nameOf(kind, use.value, registry) : undefined,
  );
  return names.length > 0 && names.every((name) => name !== undefined) ? names.join('-').slice(0, 64) : undefined;
}

/**
 * After composition: an `attack:` without `use` gives its options to the one attack there is.
 *
 * @throws SPEC_INVALID_VALUE where there is none, or more than one
 */
export function joinShorthand(
  tree: MapNode,
  mergeInto: (base: SpecNode, over: SpecNode, path: string[]) => SpecNode,
): MapNode {
  return (Object.keys(MANY) as ManyKind[]).reduce((joined, kind) => {
    const single = child(joined, kind);
    if (single === undefined) return joined;
    const where = locateKey(joined, [kind]);
    const rest = removeIn(joined, [kind]) as MapNode;
    if (single.kind !== 'map') {
      const list = kind === 'defense' ? ', or a list of such' : '';
      const expected = `write ${kind}: { use: NAME, …its options }${list}`;
      throw new ShieldError(
        'SPEC_INVALID_VALUE',
        { key: kind, reason: 'must be a mapping', expected },
        { where: single.where },
      );
    }
    const names = namesOf(rest, kind);
    const [name] = names;
    if (name === undefined || names.length > 1) {
      const reason =
        name === undefined
          ? `has no "use", and no ${kind} is composed`
          : `has no "use", and there are ${names.join(', ')}`;
      const expected = `write ${kind}: { use: NAME, … }, or ${MANY[kind]}: { NAME: { … } }`;
      throw new ShieldError('SPEC_INVALID_VALUE', { key: kind, reason, expected }, { where });
    }
    const path = [MANY[kind], name];
    return setIn(rest, path, mergeInto(getIn(rest, path)!, single, path)) as MapNode;
  }, tree);
}

/** The names of a spec's attacks or defenses. */
export function namesOf(tree: SpecNode, kind: ManyKind): string[] {
  const many = child(tree, MANY[kind]);
  return many?.kind === 'map' ? [...many.entries.keys()] : [];
}

/** The name that an attack or defense goes by when the spec gives it none: the plugin's, whatever alias was written. */
export function nameOf(kind: ManyKind, use: string, registry: PluginRegistry): string {
  return registry.has(kind, use) ? registry.get(kind, use).name : use;
}

export function putNamed(tree: MapNode, kind: ManyKind, name: string, node: SpecNode, where: SourceLocation): MapNode {
  const held = child(tree, MANY[kind]) ? tree : (setIn(tree, [MANY[kind]], emptyMap(where), where) as MapNode);
  return setIn(held, [MANY[kind], name], node, where) as MapNode;
}

/**
 * `attack.confidence` as `attacks.NAME.confidence` where there is one attack, and `attack.NAME.…` in any case;
 * undefined where that means nothing. Other paths stay as they are.
 */
export function longPath(tree: SpecNode, path: readonly string[]): readonly string[] | undefined {
  const [first, second] = path;
  if (!isManyKind(first)) return path;
  const names = namesOf(tree, first);
  if (second !== undefined && names.includes(second)) return [MANY[first], ...path.slice(1)];
  return names.length === 1 ? [MANY[first], names[0]!, ...path.slice(1)] : undefined;
}
