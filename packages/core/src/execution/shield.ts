import { dirname, resolve } from 'node:path';
import type { DependencyContainer } from 'tsyringe';
import type { Reporter } from '../pipeline/reporter.js';
import type { Summary } from '../pipeline/summary/summary.js';
import { PluginRegistry } from '../plugin/registry.js';
import type { SharedStore } from '../plugin/shared-store.js';
import type { LoadedSpec } from '../spec/load-spec.js';
import type { ResolvedSpec } from '../spec/resolved-spec.js';
import type { Tracker } from '../tracking/events.js';
import type { CollectedProvenance } from '../tracking/provenance.js';
import type { CellOf } from '../tracking/run-directory.js';
import { runsFolder, type Run } from '../tracking/runs-folder.js';
import type { PlanOptions, SweepPlan } from '../sweep/plan.js';
import type { SweepAsked } from '../sweep/sweep-record.js';
import type { RecordedSweep, SweepContext } from './record-sweep.js';
import type { Kept } from './kept/kept.js';
import type { ShardWork } from './shard-work.js';
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
  /** Threads of the backend where a spec leaves them open; default: every core. */
  readonly threads?: number;
  /** The script that the program was started by, for worker processes: `node PROGRAM worker …` starts one. */
  readonly program?: string;
  /** What other machines share artifacts and runs through. */
  readonly store?: SharedStore;
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
  /** Called with the result while the run is still on: what it prints is in the run's console.log. */
  readonly report?: (result: RunResult) => void | Promise<void>;
  /** Whether SIGINT and SIGTERM stop the run and stdout goes to its log; for programs that are about the run. */
  readonly ownsProcess?: boolean;
  /** What was captured already, for many runs at once; without it, each run captures its own. */
  readonly provenance?: CollectedProvenance;
  /** The sweep that the run is a cell of. */
  readonly cellOf?: CellOf;
  /** In the place of the program's own. */
  readonly reporter?: Reporter;
  /** Told the run's id as soon as its directory is there. */
  readonly created?: (run: string) => void;
  /** Of the backend, where the spec leaves them open; in the place of the program's own. */
  readonly threads?: number;
  /** What this run has in common with others of the process; without it, it opens all for itself. */
  readonly kept?: Kept;
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
    return loadSpec(spec, { overrides, ...this.#loading(), ...base });
  }

  /**
   * The cells of a spec's `sweep`, all of them resolved and checked.
   *
   * @throws every fault of every cell at once; SWEEP_*
   */
  async plan(spec: string, options: Omit<PlanOptions, 'registry'> = {}): Promise<SweepPlan> {
    const { planSweep } = await import('../sweep/plan.js');
    return planSweep(spec, { ...options, ...this.#loading() });
  }

  /** Whether a spec is one of a sweep. */
  async sweeps(spec: string, overrides: readonly string[] = []): Promise<boolean> {
    const { hasSweep } = await import('../sweep/plan.js');
    return hasSweep(spec, { overrides, ...this.#loading() });
  }

  /**
   * Has the cells of a sweep carried out, as a run that stands for the sweep.
   *
   * @param again the command that runs just the cells that failed
   * @param begun ends it before the run is there
   */
  async recordSweep(
    plan: SweepPlan,
    asked: SweepAsked,
    again: string,
    work: (context: SweepContext) => Promise<unknown>,
    begun?: AbortSignal,
  ): Promise<RecordedSweep> {
    const { recordSweep } = await import('./record-sweep.js');
    return recordSweep(await this.#parts({}), plan, asked, again, work, begun);
  }

  /** Folder that runs go to; absolute. */
  get runs(): string {
    return resolve(this.#options.runsFolder ?? runsFolder());
  }

  /** See {@link ShieldOptions.store}. */
  get store(): SharedStore | undefined {
    return this.#options.store;
  }

  /** See {@link ShieldOptions.program}. */
  get program(): string | undefined {
    return this.#options.program;
  }

  #loading() {
    const configDirs = this.#options.configFolders ?? [];
    return { registry: this.registry, configDirs, runsFolder: this.#options.runsFolder ?? runsFolder() };
  }

  /** Runs a spec; what it leaves is described by the result. */
  async run(spec: string, options: RunOptions = {}): Promise<RunResult> {
    return this.runLoaded(await this.load(spec, options.overrides), dirname(spec), options);
  }

  /** As {@link run}, of a spec that is loaded. @param specFolder folder that paths in it are relative to */
  async runLoaded(
    loaded: LoadedSpec,
    specFolder: string,
    options: Omit<RunOptions, 'overrides'> = {},
  ): Promise<RunResult> {
    const { startRun } = await import('./run.js');
    return startRun(await this.#parts(options), this, loaded, specFolder, options);
  }

  /** Computes a part of the batches that a run of the spec needs, and leaves them in the artifacts. */
  async computeShard(loaded: LoadedSpec, specFolder: string, work: ShardWork): Promise<void> {
    const { computeShard } = await import('./shard-work.js');
    return computeShard(await this.#parts(work), loaded, specFolder, work);
  }

  /** Goes on with a run that failed, was interrupted or killed, from its last finished batch. */
  async resume(run: string, options: RunOptions = {}): Promise<RunResult> {
    const { resumeRun } = await import('./run.js');
    return resumeRun(await this.#parts(options), this, run, options);
  }

  /** Runs what an earlier run's resolved spec says once more, as a run of its own. */
  async repeat(run: string, options: RunOptions = {}): Promise<RunResult> {
    const { repeatRun } = await import('./run.js');
    return repeatRun(await this.#parts(options), this, run, options);
  }

  /** Joined only by what runs: checking a spec needs none of it. */
  async #parts({ reporter, kept }: Pick<RunOptions, 'reporter' | 'kept'>): Promise<DependencyContainer> {
    const { joinParts } = await import('./parts.js');
    const own = { ...(reporter ? { reporter } : {}), ...(kept ? { kept } : {}) };
    return joinParts(this.registry, { ...this.#options, ...own });
  }
}

/** @throws PLUGIN_DUPLICATE */
export function createShield(options: ShieldOptions = {}): Shield {
  return new Shield(options);
}
