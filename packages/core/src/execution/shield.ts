import { dirname } from 'node:path';
import type { DependencyContainer } from 'tsyringe';
import type { Reporter } from '../pipeline/reporter.js';
import type { Summary } from '../pipeline/summary.js';
import { PluginRegistry } from '../plugin/registry.js';
import type { LoadedSpec } from '../spec/load-spec.js';
import type { ResolvedSpec } from '../spec/resolved-spec.js';
import type { Tracker } from '../tracking/events.js';
import type { Run } from '../tracking/runs-folder.js';
import type { PluginPackage } from './plugin-package.js';

/** Makes the observer of one run. */
export type TrackerFactory = (run: Run) => Tracker;

export interface ShieldOptions {
  readonly plugins?: readonly PluginPackage[];
  readonly reporter?: Reporter;
  /** Folder that runs go to; default `$SHIELD_RUNS`, else `runs` in the working directory. */
  readonly runsFolder?: string;
  /** Folders with config groups, beside those found from the spec. */
  readonly configFolders?: readonly string[];
  /** Observers of all runs, or what makes one for each run. */
  readonly trackers?: readonly (Tracker | TrackerFactory)[];
}

export interface RunOptions {
  /** As on the command line: `key=value`, `+key=value`, `~key`. */
  readonly overrides?: readonly string[];
  /** What the record says was typed. */
  readonly commandLine?: readonly string[];
  /** Stops the run cleanly. */
  readonly signal?: AbortSignal;
  /** Folder of the artifacts; default: `artifacts` in the folder of runs, which all of them share. */
  readonly artifacts?: string;
  /** Whether SIGINT and SIGTERM stop the run and stdout goes to its log; for programs that are about the run. */
  readonly ownsProcess?: boolean;
}

export interface RunResult {
  readonly run: Run;
  readonly spec: ResolvedSpec;
  /** Absent where nothing was evaluated (training, the defend stage alone). */
  readonly summary: Summary | undefined;
  readonly metrics: Readonly<Record<string, number>>;
}

/** One configured program: its plugins, and what it runs them with. */
export class Shield {
  readonly registry = new PluginRegistry();
  readonly #options: ShieldOptions;

  /** @throws PLUGIN_DUPLICATE */
  constructor(options: ShieldOptions) {
    this.#options = options;
    for (const { name, plugins } of options.plugins ?? []) {
      for (const plugin of plugins) this.registry.register(plugin, name);
    }
  }

  /**
   * Resolves and checks a spec; plugins that it names are loaded.
   *
   * @param spec path of a YAML file
   * @param baseDir folder that the paths in it are relative to, where that is not the spec's own
   * @throws every fault of the spec at once
   */
  async load(spec: string, overrides: readonly string[] = [], baseDir?: string): Promise<LoadedSpec> {
    const { loadSpec } = await import('../spec/load-spec.js');
    const base = baseDir === undefined ? {} : { baseDir };
    const configDirs = this.#options.configFolders ?? [];
    return loadSpec(spec, { overrides, registry: this.registry, configDirs, ...base });
  }

  /** Runs a spec; what it leaves is described by the result. */
  async run(spec: string, options: RunOptions = {}): Promise<RunResult> {
    const loaded = await this.load(spec, options.overrides);
    const { startRun } = await import('./run.js');
    return startRun(await this.#parts(), loaded, dirname(spec), options);
  }

  /** Goes on with a run that failed, was interrupted or killed, from its last finished batch. */
  async resume(run: string, options: RunOptions = {}): Promise<RunResult> {
    const { resumeRun } = await import('./run.js');
    return resumeRun(await this.#parts(), this, run, options);
  }

  /** Runs what an earlier run's resolved spec says once more, as a run of its own. */
  async repeat(run: string, options: RunOptions = {}): Promise<RunResult> {
    const { repeatRun } = await import('./run.js');
    return repeatRun(await this.#parts(), this, run, options);
  }

  /** Joined only by what runs: checking a spec needs none of it. */
  async #parts(): Promise<DependencyContainer> {
    const { joinParts } = await import('./parts.js');
    return joinParts(this.registry, this.#options);
  }
}

/** @throws PLUGIN_DUPLICATE */
export function createShield(options: ShieldOptions = {}): Shield {
  return new Shield(options);
}
