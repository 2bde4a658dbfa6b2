import 'reflect-metadata';
import { inject, injectable, container as rootContainer, type DependencyContainer } from 'tsyringe';
import { dirname, resolve } from 'node:path';
import { AssetCache } from '../assets/asset-cache.js';
import { silentReporter, type Reporter } from '../pipeline/reporter.js';
import type { Summary } from '../pipeline/summary.js';
import { PluginRegistry } from '../plugin/registry.js';
import type { ResolvedSpec } from '../spec/resolved-spec.js';
import type { LoadedSpec } from '../spec/load-spec.js';
import type { Tracker } from '../tracking/events.js';
import { runsFolder, type Run } from '../tracking/runs-folder.js';
import type { PluginPackage } from './plugin-package.js';
import { TOKENS, type BackendOpener } from './tokens.js';

export interface ShieldOptions {
  readonly plugins?: readonly PluginPackage[];
  readonly reporter?: Reporter;
  /** Folder that runs go to; default `$SHIELD_RUNS`, else `runs` in the working directory. */
  readonly runsFolder?: string;
  /** Folders with config groups, beside those found from the spec. */
  readonly configFolders?: readonly string[];
  readonly trackers?: readonly Tracker[];
}

export interface RunOptions {
  /** As on the command line: `key=value`, `+key=value`, `~key`. */
  readonly overrides?: readonly string[];
  /** What the record says was typed. */
  readonly commandLine?: readonly string[];
  /** Stops the run cleanly. */
  readonly signal?: AbortSignal;
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

/** One configured program: its plugins and its parts, joined by dependency injection. */
@injectable()
export class Shield {
  constructor(
    @inject(TOKENS.container) private readonly parts: DependencyContainer,
    @inject(TOKENS.registry) readonly registry: PluginRegistry,
    @inject(TOKENS.configFolders) private readonly configFolders: readonly string[],
  ) {}

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
    return loadSpec(spec, { overrides, registry: this.registry, configDirs: this.configFolders, ...base });
  }

  /** Runs a spec; what it leaves is described by the result. */
  async run(spec: string, options: RunOptions = {}): Promise<RunResult> {
    const loaded = await this.load(spec, options.overrides);
    const { startRun } = await import('./run.js');
    return startRun(this.parts, loaded, dirname(spec), options);
  }

  /** Goes on with a run that failed, was interrupted or killed, from its last finished batch. */
  async resume(run: string, options: RunOptions = {}): Promise<RunResult> {
    const { resumeRun } = await import('./run.js');
    return resumeRun(this.parts, this, run, options);
  }
}

/** @throws PLUGIN_DUPLICATE */
export function createShield(options: ShieldOptions = {}): Shield {
  const parts = rootContainer.createChildContainer();
  const registry = new PluginRegistry();
  for (const { name, plugins } of options.plugins ?? []) for (const plugin of plugins) registry.register(plugin, name);
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
  parts.register(TOKENS.configFolders, { useValue: options.configFolders ?? [] });
  parts.register(TOKENS.runsFolder, { useValue: resolve(options.runsFolder ?? runsFolder()) });
  parts.register(TOKENS.trackers, { useValue: options.trackers ?? [] });
  return parts.resolve(Shield);
}
