import type { Model } from '../plugin/contracts.js';
import { optionError } from '../plugin/option-fault.js';
import type { PluginRegistry } from '../plugin/registry.js';
import type { LoadedSpec } from '../spec/load-spec.js';
import { kindAt, memberAt, pluginPlaces } from '../spec/plugin-places.js';
import type { PluginUse } from '../spec/resolved-spec.js';
import { formatPath } from '../spec/tree.js';

/**
 * Whether every defense of a spec, those in chains and ensembles among them, can do with images of the model's size:
 * all of them are given that size.
 *
 * @throws SPEC_INVALID_VALUE at the option that does not fit
 */
export function checkDefenses(
  { resolved, locate }: Pick<LoadedSpec, 'resolved' | 'locate'>,
  registry: PluginRegistry,
  { inputSize }: Pick<Model, 'inputSize'>,
): void {
  for (const path of pluginPlaces(resolved)) {
    if (kindAt(path) !== 'defense') continue;
    const { use, ...options } = memberAt(resolved, path) as PluginUse;
    const fault = registry.get('defense', use).check?.(options, inputSize);
    if (fault) throw optionError(formatPath(path), fault, locate([...path, fault.option]));
  }
}
