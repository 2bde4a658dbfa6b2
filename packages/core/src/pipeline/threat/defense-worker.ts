import { dirname } from 'node:path';
import { runAsWorker } from 'synckit';
import type { Image } from '../../plugin/contracts.js';
import type { DefensePlugin } from '../../plugin/index.js';
import { PluginRegistry } from '../../plugin/registry.js';
import { Random } from '../../random/random.js';
import { loadPlugins } from '../../spec/load-plugins.js';

/** One image for one defense; everything that crosses to the worker is plain data. */
export interface DefenseWork {
  /** The plugin's own file. */
  readonly file: string;
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly image: Image;
  readonly random: readonly (string | number)[];
}

const registry = new PluginRegistry();

runAsWorker(async ({ file, name, options, image, random }: DefenseWork): Promise<Image> => {
  if (!registry.has('defense', name)) await loadPlugins([file], dirname(file), registry);
  const plugin: DefensePlugin = registry.get('defense', name);
  return plugin.apply(image, options, new Random(...random));
});
