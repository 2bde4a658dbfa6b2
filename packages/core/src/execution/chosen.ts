import type { Chosen } from '../pipeline/context.js';
import type { Plugin } from '../plugin/define.js';
import type { PluginUse } from '../spec/resolved-spec.js';

/** A plugin with the options that a resolved spec gives it. */
export function chosen<P extends Plugin>(name: string, plugin: P, use: PluginUse): Chosen<P> {
  const { use: _use, ...options } = use;
  return { name, plugin, options };
}
