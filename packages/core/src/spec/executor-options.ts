import { fullOptionsSchema } from '../plugin/common-options.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { child, removeIn, type MapNode } from './tree.js';

/**
 * What `execution` says without naming an executor goes with whichever is chosen when the spec is run
 * (`execution: { workers: 2 }` with `--executor local`): where another one is chosen, options that only others have
 * are left out, as those of a named plugin are that is changed for another. What no executor has stays, to be refused.
 */
export function withoutOthersOptions(tree: MapNode, registry: PluginRegistry): MapNode {
  const execution = child(tree, 'execution');
  const use = child(execution, 'use');
  if (execution?.kind !== 'map' || use?.kind !== 'scalar' || typeof use.value !== 'string') return tree;
  if (!registry.has('executor', use.value)) return tree;
  const own = optionsOf(registry, use.value);
  const others = new Set(registry.list('executor').flatMap(({ name }) => [...optionsOf(registry, name)]));
  return [...execution.entries.keys()]
    .filter((key) => key !== 'use' && !own.has(key) && others.has(key))
    .reduce((left, key) => removeIn(left, ['execution', key]) as MapNode, tree);
}

function optionsOf(registry: PluginRegistry, name: string): Set<string> {
  return new Set(Object.keys(fullOptionsSchema(registry.get('executor', name)).properties));
}
