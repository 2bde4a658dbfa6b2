import { ShieldError, type SourceLocation } from '../errors/index.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { child, emptyMap, getIn, locateKey, removeIn, setIn, type MapNode, type SpecNode } from './tree.js';

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
    const use = child(single, 'use');
    if (!single || use?.kind !== 'scalar' || typeof use.value !== 'string') return expanded;
    const name = nameOf(kind, use.value, registry);
    const keyWhere = locateKey(expanded, [kind]);
    if (getIn(expanded, [MANY[kind], name])) {
      throw new ShieldError(
        'SPEC_INVALID_VALUE',
        { key: kind, reason: `and ${MANY[kind]}.${name} both stand in this file`, expected: `give one of them` },
        { where: keyWhere },
      );
    }
    return putNamed(removeIn(expanded, [kind]) as MapNode, kind, name, single, keyWhere);
  }, tree);
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
      const expected = `write ${kind}: { use: NAME, …its options }`;
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
