import type { PluginPackage } from '@shield/core';

/** The packages that come with `shield`, loaded when a command needs plugins. */
export async function builtIns(): Promise<readonly PluginPackage[]> {
  const [attacks, defenses, models, datasets] = await Promise.all([
    import('@shield/attacks'),
    import('@shield/defenses'),
    import('@shield/models'),
    import('@shield/datasets'),
  ]);
  return [
    { name: '@shield/attacks', plugins: attacks.plugins },
    { name: '@shield/defenses', plugins: defenses.plugins },
    { name: '@shield/models', plugins: models.plugins },
    { name: '@shield/datasets', plugins: datasets.plugins },
  ];
}
