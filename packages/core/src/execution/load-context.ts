import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import type { Reporter } from '../pipeline/reporter.js';
import type { Assets, LoadContext } from '../plugin/contracts.js';
import { Random } from '../random/random.js';
import type { RunEvent } from '../tracking/index.js';
import type { OpenedResources } from './opened-resources.js';
import type { Opening } from './opener.js';

/** What plugins are given to load things with. @param emit puts on record what people are told */
export function loadContext(
  { loaded, specFolder, signal }: Opening,
  { assets, reporter }: { readonly assets: Assets; readonly reporter: Reporter },
  emit: (event: RunEvent) => void,
  resources: OpenedResources,
): LoadContext {
  return {
    assets: assets,
    resolvePath: (path) => {
      if (isAbsolute(path)) return path;
      const besideSpec = resolve(specFolder, path);
      return existsSync(besideSpec) ? besideSpec : resolve(path);
    },
    random: (...name) => new Random(loaded.resolved.seed, ...name),
    signal,
    training: loaded.resolved.perform.includes('train'),
    log: (message) => {
      reporter.log(message);
      emit({ type: 'log', level: 'info', message });
    },
    warn: (message) => {
      reporter.warn(message);
      emit({ type: 'log', level: 'warn', message });
    },
    opened: (path, sha256) => resources.add(path, sha256),
  };
}
