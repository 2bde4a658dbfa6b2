import type { DependencyContainer, InjectionToken } from 'tsyringe';
import type { Backend } from '../backend/backend.js';
import type { Assets } from '../plugin/contracts.js';
import type { SharedStore } from '../plugin/shared-store.js';
import type { PluginRegistry } from '../plugin/registry.js';
import type { Reporter } from '../pipeline/reporter.js';
import type { BackendChoice } from '../spec/resolved-spec.js';
import type { Tracker } from '../tracking/events.js';
import type { Kept } from './kept/kept.js';
import type { TrackerFactory } from './shield.js';

/** Opens the one backend of this process. */
export type BackendOpener = (
  choice: BackendChoice,
  options: {
    readonly threads: number;
    readonly log: (message: string) => void;
    readonly warn: (message: string) => void;
  },
) => Promise<Backend>;

/** What core's parts ask the container for; a program may register its own in their place. */
export const TOKENS = {
  container: Symbol('container') as InjectionToken<DependencyContainer>,
  registry: Symbol('registry') as InjectionToken<PluginRegistry>,
  assets: Symbol('assets') as InjectionToken<Assets>,
  reporter: Symbol('reporter') as InjectionToken<Reporter>,
  openBackend: Symbol('openBackend') as InjectionToken<BackendOpener>,
  /** Folder that runs and artifacts go to. */
  runsFolder: Symbol('runsFolder') as InjectionToken<string>,
  /** What other machines share artifacts through, where there is one. */
  store: Symbol('store') as InjectionToken<{ readonly shared: SharedStore | undefined }>,
  /** What the runs of one process have in common. */
  kept: Symbol('kept') as InjectionToken<Kept>,
  /** Threads of the backend where a spec leaves them open; 0 for every core. */
  threads: Symbol('threads') as InjectionToken<number>,
  trackers: Symbol('trackers') as InjectionToken<readonly (Tracker | TrackerFactory)[]>,
} as const;
