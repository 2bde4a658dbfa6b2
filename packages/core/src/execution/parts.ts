import 'reflect-metadata';
import { resolve } from 'node:path';
import { container as rootContainer, type DependencyContainer } from 'tsyringe';
import { AssetCache } from '../assets/asset-cache.js';
import { silentReporter } from '../pipeline/reporter.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { runsFolder } from '../tracking/runs-folder.js';
import { Kept } from './kept/kept.js';
import type { RunOptions, ShieldOptions } from './shield.js';
import { TOKENS, type BackendOpener } from './tokens.js';

/** The parts that runs are made of, in a container of their own. */
export function joinParts(
  registry: PluginRegistry,
  options: ShieldOptions & Pick<RunOptions, 'kept'>,
): DependencyContainer {
  const parts = rootContainer.createChildContainer();
  const reporter = options.reporter ?? silentReporter;
  const openBackend: BackendOpener = async (choice, settings) => {
    const backend = await import('../backend/index.js');
    return backend.openBackend(choice, settings);
  };
  parts.register(TOKENS.container, { useValue: parts });
  parts.register(TOKENS.registry, { useValue: registry });
  parts.register(TOKENS.reporter, { useValue: reporter });
  parts.register(TOKENS.openBackend, { useValue: openBackend });
  parts.register(TOKENS.assets, { useFactory: () => new AssetCache({ log: (message) => reporter.log(message) }) });
  parts.register(TOKENS.runsFolder, { useValue: resolve(options.runsFolder ?? runsFolder()) });
  parts.register(TOKENS.store, { useValue: { shared: options.store } });
  parts.register(TOKENS.kept, { useValue: options.kept ?? new Kept(false) });
  parts.register(TOKENS.threads, { useValue: options.threads ?? 0 });
  parts.register(TOKENS.trackers, { useValue: options.trackers ?? [] });
  return parts;
}
