import { coreCode, pluginCode, pluginsOf } from '../pipeline/code-digest.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { canonicalHash } from '../spec/canonical.js';
import type { ResolvedSpec } from '../spec/resolved-spec.js';

/**
 * Names a cell by its resolved spec and the code that carries it out, as artifacts are named: 20 hex digits. A cell
 * whose key is that of a finished one is done. What the data sets and weights hold is not in it.
 */
export function cellKey(hash: string, spec: ResolvedSpec, registry: PluginRegistry): string {
  const plugins = pluginsOf(spec, registry).map(([place, plugin]) => [place, pluginCode(plugin)]);
  const whole = canonicalHash({ hash, core: coreCode(), plugins });
  // A string of its own: a part of one keeps the whole, and there are as many as cells.
  return Buffer.from(whole.slice(0, 20)).toString('latin1');
}
