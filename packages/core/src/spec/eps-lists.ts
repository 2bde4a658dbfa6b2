import { ShieldError } from '../errors/index.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { child, type Entry, type MapNode, type SpecNode } from './tree.js';

/**
 * `eps: [2, 4, 8]` of an attack as attacks of their own, `NAME_eps2`, `NAME_eps4` and `NAME_eps8` (a decimal point is
 * written as p: `NAME_eps0p5`): one run then gives the accuracy at each.
 *
 * @throws SPEC_INVALID_VALUE for an empty list, a value that stands twice, a name that is taken
 */
export function expandEpsLists(tree: MapNode, registry: PluginRegistry): MapNode {
  const attacks = tree.entries.get('attacks');
  if (attacks?.node.kind !== 'map') return tree;
  const expanded = new Map<string, Entry>();
  const put = (name: string, entry: Entry) => {
    if (!expanded.has(name)) return void expanded.set(name, entry);
    const reason = 'is what a list of eps makes of another attack';
    throw invalid(`attacks.${name}`, reason, 'give one of the two another name', entry.node);
  };
  for (const [name, entry] of attacks.node.entries) {
    const list = child(entry.node, 'eps');
    if (list?.kind !== 'list' || !takesOneEps(entry.node, registry)) put(name, entry);
    else for (const [suffix, eps] of each(name, list.items, list)) put(`${name}_eps${suffix}`, withEps(entry, eps));
  }
  const node: MapNode = { ...attacks.node, entries: expanded };
  return { ...tree, entries: new Map([...tree.entries, ['attacks', { ...attacks, node }]]) };
}

/** A plugin whose eps is a list by itself keeps it. */
function takesOneEps(attack: SpecNode, registry: PluginRegistry): boolean {
  const use = child(attack, 'use');
  if (use?.kind !== 'scalar' || typeof use.value !== 'string' || !registry.has('attack', use.value)) return false;
  const eps = registry.get('attack', use.value).options.properties['eps'] as { readonly type?: string } | undefined;
  return eps?.type === 'number' || eps?.type === 'integer';
}

function each(name: string, items: readonly SpecNode[], list: SpecNode): Map<string, SpecNode> {
  if (items.length === 0) throw invalid(`attacks.${name}.eps`, 'is an empty list', 'give one value or more', list);
  const values = new Map<string, SpecNode>();
  for (const item of items) {
    // What is no number is the schema's to refuse: its place is told from the item.
    const suffix =
      item.kind === 'scalar'
        ? String(item.value)
            .replace('.', 'p')
            .replace(/[^A-Za-z0-9]/g, '_')
        : 'x';
    if (values.has(suffix)) throw invalid(`attacks.${name}.eps`, 'has a value twice', 'give each once', item);
    values.set(suffix, item);
  }
  return values;
}

function withEps(attack: Entry, eps: SpecNode): Entry {
  const { entries, ...rest } = attack.node as MapNode;
  const before = entries.get('eps')!;
  return { ...attack, node: { ...rest, entries: new Map([...entries, ['eps', { ...before, node: eps }]]) } };
}

function invalid(key: string, reason: string, expected: string, { where }: SpecNode): ShieldError {
  return new ShieldError('SPEC_INVALID_VALUE', { key, reason, expected }, { where });
}
