import { fullOptionsSchema } from '../plugin/common-options.js';
import { ENSEMBLE, type PluginRegistry } from '../plugin/registry.js';
import type { KnownKeys } from './apply-overrides.js';
import { ensembleSchema } from './ensemble-schema.js';
import { EXECUTOR, kindAt } from './plugin-places.js';
import { defaultAt, keysAt, schemasAt, type SchemaNode } from './schema-walk.js';
import { TOP_LEVEL_KEYS, specSchema } from './schema.js';
import { child, getIn, type MapNode } from './tree.js';

/** What may be written where: the spec's schema, and within `{ use: NAME, … }` that of the plugin it names. */
export function knownKeys(registry: PluginRegistry): KnownKeys {
  const top = specSchema as SchemaNode;
  const within = (tree: MapNode, path: readonly string[]) => {
    // The innermost first: a member's defense stands within the ensemble.
    for (let length = path.length; length > 0; length--) {
      const kind = kindAt(path.slice(0, length));
      const use = kind && child(getIn(tree, path.slice(0, length)), 'use');
      const name = use === undefined && kind === 'executor' ? EXECUTOR : use?.kind === 'scalar' ? use.value : undefined;
      if (typeof name !== 'string') continue;
      const rest = path.slice(length);
      if (kind === 'defense' && name === ENSEMBLE) return { schema: ensembleSchema as SchemaNode, rest };
      if (!registry.has(kind!, name)) return undefined;
      return { schema: fullOptionsSchema(registry.get(kind!, name)) as SchemaNode, rest };
    }
    return undefined;
  };
  return {
    knows(tree, path) {
      const plugin = within(tree, path);
      if (plugin && schemasAt(plugin.schema, plugin.rest).length > 0) return true;
      if (path[0] === 'defaults') return path.length === 1;
      // A new attack is no key that the schema knows, although the schema takes any name.
      if (isNewName(tree, path)) return false;
      return schemasAt(top, path).length > 0;
    },
    keysAt(tree, path) {
      if (path.length === 0) return TOP_LEVEL_KEYS;
      const plugin = within(tree, path);
      return [...keysAt(top, path), ...(plugin ? keysAt(plugin.schema, plugin.rest) : [])];
    },
    defaultAt(tree, path) {
      const plugin = within(tree, path);
      return plugin && plugin.rest.length > 0 ? defaultAt(plugin.schema, plugin.rest) : defaultAt(top, path);
    },
  };
}

function isNewName(tree: MapNode, path: readonly string[]): boolean {
  const [first, name] = path;
  return (
    (first === 'attacks' || first === 'defenses') && name !== undefined && getIn(tree, [first, name]) === undefined
  );
}
