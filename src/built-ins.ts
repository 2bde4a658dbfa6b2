import { fileURLToPath } from 'node:url';
import type { PluginPackage } from '@shield/core';

/** The config groups that come with `shield`: any spec can compose them, those of its own folder going first. */
export const builtInConfigs = fileURLToPath(new URL('../configs', import.meta.url));

/** The packages that come with `shield`, loaded when a command needs plugins. */
export async function builtIns(): Promise<readonly PluginPackage[]> {
  const [attacks, defenses, models, datasets, executors] = await Promise.all([
    import('@shield/attacks'),
    import('@shield/defenses'),
    import('@shield/models'),
    import('@shield/datasets'),
    import('@shield/executors'),
  ]);
  return [
    { name: '@shield/attacks', plugins: attacks.plugins },
    { name: '@shield/defenses', plugins: defenses.plugins },
    { name: '@shield/models', plugins: models.plugins },
    { name: '@shield/datasets', plugins: datasets.plugins },
    { name: '@shield/executors', plugins: executors.plugins },
  ];
}
