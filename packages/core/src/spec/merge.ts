import type { SpecNode } from './tree.js';
import { child } from './tree.js';

/** Options that every plugin of a kind has: they stay when the plugin is changed for another. */
export type KeepsOption = (path: readonly string[], option: string) => boolean;

/**
 * Deep merge of mappings; everything else of `over` takes the place of what `base` says (lists are not joined). Where
 * `use` changes, the options of the former plugin go with it, but for those that `keeps` names.
 */
export function merge(base: SpecNode, over: SpecNode, keeps: KeepsOption, path: readonly string[] = []): SpecNode {
  if (base.kind !== 'map' || over.kind !== 'map') return over;
  const changed = changesPlugin(base, over);
  const entries = new Map(
    changed ? [...base.entries].filter(([key]) => key === 'use' || keeps(path, key)) : base.entries,
  );
  for (const [key, entry] of over.entries) {
    const before = entries.get(key);
    const node = before ? merge(before.node, entry.node, keeps, [...path, key]) : entry.node;
    entries.set(key, { node, keyWhere: entry.keyWhere });
  }
  return { kind: 'map', entries, where: over.where };
}

/** Whether both name a plugin, and not the same one. */
export function changesPlugin(base: SpecNode, over: SpecNode): boolean {
  const [before, after] = [child(base, 'use'), child(over, 'use')];
  if (before?.kind !== 'scalar' || after?.kind !== 'scalar') return false;
  return before.value !== after.value;
}
