import { isAbsolute, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { inject, injectable } from 'tsyringe';
import type { Backend } from '../backend/backend.js';
import { ArtifactStore, type ArtifactKey } from '../pipeline/artifact-store.js';
import type { Chosen, PipelineContext } from '../pipeline/context.js';
import { pluginKey } from '../pipeline/keys.js';
import { runPipeline } from '../pipeline/pipeline.js';
import { createPredictor } from '../pipeline/predictor.js';
import type { Reporter } from '../pipeline/reporter.js';
import { coreDigest } from '../pipeline/source-digest.js';
import type { Summary } from '../pipeline/summary.js';
import { readTargets, type CsvTargets, type TargetTable } from '../pipeline/targets.js';
import { weakAdaptiveAttacks } from '../pipeline/threat/adaptive-summary.js';
import type { Assets, Dataset, LoadContext, Model } from '../plugin/contracts.js';
import type { DatasetPlugin, ModelPlugin, Plugin } from '../plugin/define.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { Random } from '../random/random.js';
import type { LoadedSpec } from '../spec/load-spec.js';
import type { PluginUse, Preprocess, ResolvedSpec } from '../spec/resolved-spec.js';
import { PerImageWriter, recordBackend, type RunContext } from '../tracking/index.js';
import { warnOfLowAccuracy } from './accuracy-check.js';
import { writePictureStrip } from './picture-strip.js';
import { writeRobustness } from './robustness-files.js';
import { TOKENS, type BackendOpener } from './tokens.js';
import { performTraining } from './training.js';

export interface Performance {
  readonly context: RunContext;
  readonly loaded: LoadedSpec;
  /** Folder that paths in the spec are relative to. */
  readonly specFolder: string;
  /** Folder of the artifacts that runs share. */
  readonly artifacts: string;
}

export interface Performed {
  readonly summary: Summary | undefined;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Works through one resolved spec inside a run that is already on record. */
@injectable()
export class Experiment {
  constructor(
    @inject(TOKENS.registry) private readonly registry: PluginRegistry,
    @inject(TOKENS.assets) private readonly assets: Assets,
    @inject(TOKENS.reporter) private readonly reporter: Reporter,
    @inject(TOKENS.openBackend) private readonly openBackend: BackendOpener,
  ) {}

  async perform(performance: Performance): Promise<Performed> {
    const { context, loaded } = performance;
    const spec = loaded.resolved;
    const loading = this.#loadContext(performance);
    // The dataset first: it is quick to open, and a wrong path is best told before a backend is prepared.
    const dataset = await this.#dataset(spec.dataset).open(spec.dataset, loading);
    const backend = await this.openBackend(spec.backend, {
      threads: spec.execution.threads,
      log: loading.log,
      warn: loading.warn,
    });
    await recordBackend(context.run, backend);
    await context.emit({
      type: 'param',
      key: 'backend',
      value: `${backend.name}: ${backend.description}, ${backend.threads} threads`,
    });
    const model = await this.#model(spec.model).load(spec.model, loading);
    let source: Model | undefined;
    try {
      if (spec.perform.includes('train')) {
        const metrics = await performTraining({ context, spec, model, dataset, reporter: this.reporter });
        return { summary: undefined, metrics };
      }
      const sourceUse = sourceModel(spec);
      if (sourceUse) source = await this.#model(sourceUse).load(sourceUse, loading);
      return { summary: await this.#evaluate(performance, loading, dataset, backend, model, source), metrics: {} };
    } finally {
      source?.dispose();
      model.dispose();
    }
  }

  async #evaluate(
    performance: Performance,
    loading: LoadContext,
    dataset: Dataset,
    backend: Backend,
    model: Model,
    source: Model | undefined,
  ): Promise<Summary> {
    const { context, loaded, artifacts } = performance;
    const spec = loaded.resolved;
    const predictor = createPredictor(model, backend, { k: Math.max(...spec.evaluate.top), images: dataset.size });
    const pipeline: PipelineContext = {
      spec,
      specPath: loaded.path,
      dataset,
      preprocess: spec.dataset['preprocess'] as Preprocess,
      onCorrupt: spec.dataset['on_corrupt'] as 'fail' | 'skip',
      model,
      ...(source ? { source: this.#source(sourceModel(spec)!, source) } : {}),
      backend,
      predictor,
      attacks: Object.entries(spec.attacks).map(([name, use]) =>
        chosen(name, this.registry.get('attack', use.use), use),
      ),
      defenses: Object.entries(spec.defenses).map(([name, use]) =>
        chosen(name, this.registry.get('defense', use.use), use),
      ),
      targets: await targetTables(spec, loading),
      store: new ArtifactStore(artifacts, ({ kind, hash, path }) =>
        context.emit({ type: 'artifact', kind, key: hash, path }),
      ),
      baseKey: await this.#baseKey(spec, dataset, backend, model),
      reporter: this.reporter,
      signal: context.signal,
      emit: (event) => context.emit(event),
    };
    const images = await PerImageWriter.create(context.run);
    try {
      const { summary, collected } = await runPipeline(pipeline, (row) => images.write(row));
      await images.finish();
      for (const { id, reason } of summary.dropped) this.reporter.warn(`left out ${id}: ${reason}`);
      for (const line of weakAdaptiveAttacks(summary)) this.reporter.warn(line);
      warnOfLowAccuracy(summary, this.#model(spec.model), this.reporter);
      await writeRobustness(summary, context);
      if (spec.execution.strip > 0) await writePictureStrip(pipeline, collected, context.run);
      return summary;
    } catch (error) {
      await images.discard();
      throw error;
    } finally {
      predictor.dispose();
    }
  }

  async #baseKey(spec: ResolvedSpec, dataset: Dataset, backend: Backend, model: Model): Promise<ArtifactKey> {
    const named = (name: string, plugin: Plugin, use: PluginUse) => pluginKey(chosen(name, plugin, use));
    return {
      core: coreDigest(),
      dataset: {
        name: spec.dataset.use,
        content: await dataset.fingerprint(),
        preprocess: spec.dataset['preprocess'],
        on_corrupt: spec.dataset['on_corrupt'],
      },
      model: { ...named('model', this.#model(spec.model), spec.model), weights: model.weightsDigest },
      backend: { description: backend.description, threads: backend.threads },
      batch: spec.batch,
      dtype: 'float32',
    };
  }

  /** The model that a black-box attacker makes images on. */
  #source(use: PluginUse, model: Model): NonNullable<PipelineContext['source']> {
    const key = { ...pluginKey(chosen('source', this.#model(use), use)), weights: model.weightsDigest };
    return { name: use.use, model, key };
  }

  #dataset(use: PluginUse): DatasetPlugin {
    return this.registry.get('dataset', use.use);
  }

  #model(use: PluginUse): ModelPlugin {
    return this.registry.get('model', use.use);
  }

  #loadContext({ context, loaded, specFolder }: Performance): LoadContext {
    const emit = (event: Parameters<RunContext['emit']>[0]) => void context.emit(event).catch(() => undefined);
    return {
      assets: this.assets,
      resolvePath: (path) => {
        if (isAbsolute(path)) return path;
        const besideSpec = resolve(specFolder, path);
        return existsSync(besideSpec) ? besideSpec : resolve(path);
      },
      random: (...name) => new Random(loaded.resolved.seed, ...name),
      signal: context.signal,
      log: (message) => {
        this.reporter.log(message);
        emit({ type: 'log', level: 'info', message });
      },
      warn: (message) => {
        this.reporter.warn(message);
        emit({ type: 'log', level: 'warn', message });
      },
      opened: (path, sha256) => emit({ type: 'resource', path, ...(sha256 === undefined ? {} : { sha256 }) }),
    };
  }
}

function sourceModel({ threat }: ResolvedSpec): PluginUse | undefined {
  return typeof threat === 'object' && 'black-box' in threat ? threat['black-box'].model : undefined;
}

/** What the attacks that take their targets from a csv find there. */
async function targetTables(spec: ResolvedSpec, loading: LoadContext): Promise<Map<string, TargetTable>> {
  const tables = new Map<string, TargetTable>();
  for (const [name, { target }] of Object.entries(spec.attacks)) {
    if (typeof target !== 'object' || target === null) continue;
    const option = target as CsvTargets;
    const table = await readTargets(name, { ...option, csv: loading.resolvePath(option.csv) });
    loading.opened(loading.resolvePath(option.csv), table.sha256);
    tables.set(name, table);
  }
  return tables;
}

function chosen<P extends Plugin>(name: string, plugin: P, use: PluginUse): Chosen<P> {
  const { use: _use, ...options } = use;
  return { name, plugin, options };
}
