import { isAbsolute, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { inject, injectable } from 'tsyringe';
import type { Backend } from '../backend/backend.js';
import { coreCode } from '../pipeline/code-digest.js';
import { ArtifactStore, type ArtifactKey } from '../pipeline/artifact-store.js';
import type { PipelineContext } from '../pipeline/context.js';
import { pluginKey } from '../pipeline/keys.js';
import { runPipeline } from '../pipeline/pipeline.js';
import { imageTroubles } from '../pipeline/image-troubles.js';
import { raisedFlags } from '../pipeline/raised-flags.js';
import { createPredictor } from '../pipeline/predictor.js';
import type { Reporter } from '../pipeline/reporter.js';
import type { Summary } from '../pipeline/summary.js';
import { readTargets, type CsvTargets, type TargetTable } from '../pipeline/targets.js';
import { weakAdaptiveAttacks } from '../pipeline/threat/adaptive-summary.js';
import type { Assets, Dataset, LoadContext, Model } from '../plugin/contracts.js';
import type { DatasetPlugin, ModelPlugin } from '../plugin/define.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { Random } from '../random/random.js';
import type { LoadedSpec } from '../spec/load-spec.js';
import type { PluginUse, Preprocess, ResolvedSpec } from '../spec/resolved-spec.js';
import { PerImageWriter, recordBackend, type RunContext, type RunEvent } from '../tracking/index.js';
import { warnOfLowAccuracy } from './accuracy-check.js';
import { checkDefenses } from './check-defenses.js';
import { chosen } from './chosen.js';
import { chainsOf, loadDefenses } from './ensembles.js';
import { OpenedResources } from './opened-resources.js';
import { writePictureStrip } from './picture-strip.js';
import { writeRobustness } from './robustness-files.js';
import { TOKENS, type BackendOpener } from './tokens.js';
import { findTrainedRun, RUN_PREFIX } from './trained-weights.js';
import { classNamesIn, performTraining } from './training.js';
import { readWeightsMetadata } from '../weights/read-metadata.js';

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
    @inject(TOKENS.runsFolder) private readonly runs: string,
    @inject(TOKENS.threads) private readonly threads: number,
  ) {}

  async perform(performance: Performance): Promise<Performed> {
    const { context } = performance;
    const emit = (event: RunEvent) => void context.emit(event).catch(() => undefined);
    const resources = new OpenedResources(emit, context.signal);
    try {
      return await this.#perform(performance, this.#loadContext(performance, emit, resources));
    } finally {
      await resources.recorded();
    }
  }

  async #perform(performance: Performance, loading: LoadContext): Promise<Performed> {
    const { context, loaded } = performance;
    const spec = loaded.resolved;
    // The dataset first: it is quick to open, and a wrong path is best told before a backend is prepared.
    const dataset = await this.#dataset(spec.dataset).open(spec.dataset, loading);
    const backend = await this.openBackend(spec.backend, {
      threads: spec.execution.threads || this.threads,
      log: loading.log,
      warn: loading.warn,
    });
    const opened = `${backend.name}: ${backend.description}, ${backend.threads} threads`;
    await Promise.all([
      recordBackend(context.run, backend),
      context.emit({ type: 'param', key: 'backend_opened', value: opened }),
    ]);
    const model = await this.#load(spec.model, loading);
    let source: Model | undefined;
    try {
      checkDefenses(loaded, this.registry, model);
      if (spec.perform.includes('train')) {
        const { reporter } = this;
        const defenses = chainsOf(spec, this.registry);
        const metrics = await performTraining({ context, spec, model, dataset, defenses, backend, reporter });
        return { summary: undefined, metrics };
      }
      const sourceUse = sourceModel(spec);
      if (sourceUse) source = await this.#load(sourceUse, loading);
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
    const { defenses, dispose } = await loadDefenses(spec, {
      registry: this.registry,
      backend,
      model,
      predictor,
      images: dataset.size,
      load: (use) => this.#load(use, loading),
      keyOf: (use, network) => this.#modelKey(use, network),
      classNames: (use) => this.#classNames(use, loading),
      locate: loaded.locate,
    });
    const content = await dataset.fingerprint();
    await context.emit({ type: 'param', key: 'dataset_content', value: content });
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
      defenses,
      targets: await targetTables(spec, loading),
      store: new ArtifactStore(artifacts, ({ kind, hash, path }) =>
        context.emit({ type: 'artifact', kind, key: hash, path }),
      ),
      baseKey: this.#baseKey(spec, content, backend, model),
      reporter: this.reporter,
      signal: context.signal,
      emit: (event) => context.emit(event),
    };
    const images = await PerImageWriter.create(context.run);
    try {
      const { summary, collected } = await runPipeline(pipeline, (row) => images.write(row));
      await images.finish();
      for (const line of imageTroubles(summary)) loading.warn(line);
      for (const line of weakAdaptiveAttacks(summary)) loading.warn(line);
      for (const line of raisedFlags(summary, pipeline.attacks)) loading.warn(line);
      warnOfLowAccuracy(summary, this.#model(spec.model), this.reporter);
      await writeRobustness(summary, context);
      if (spec.execution.strip > 0) await writePictureStrip(pipeline, collected, context.run);
      return summary;
    } catch (error) {
      await images.discard();
      throw error;
    } finally {
      dispose();
      predictor.dispose();
    }
  }

  #baseKey(spec: ResolvedSpec, content: string, backend: Backend, model: Model): ArtifactKey {
    return {
      core: coreCode(),
      dataset: {
        name: spec.dataset.use,
        content,
        preprocess: spec.dataset['preprocess'],
        on_corrupt: spec.dataset['on_corrupt'],
      },
      model: this.#modelKey(spec.model, model),
      backend: { description: backend.description, threads: backend.threads },
      batch: spec.batch,
      dtype: 'float32',
    };
  }

  /** The model that a black-box attacker makes images on. */
  #source(use: PluginUse, model: Model): NonNullable<PipelineContext['source']> {
    return { name: use.use, model, key: this.#modelKey(use, model) };
  }

  #modelKey(use: PluginUse, model: Model): ArtifactKey {
    return { ...pluginKey(chosen('model', this.#model(use), use)), weights: model.weightsDigest };
  }

  #dataset(use: PluginUse): DatasetPlugin {
    return this.registry.get('dataset', use.use);
  }

  #model(use: PluginUse): ModelPlugin {
    return this.registry.get('model', use.use);
  }

  /** `weights: run:ID` is the path of what that run left. */
  async #load(use: PluginUse, loading: LoadContext): Promise<Model> {
    const { weights } = use;
    const path = await this.#trained(weights);
    if (path === undefined) return this.#model(use).load(use, loading);
    const resolvePath = (given: string) => (given === weights ? path : loading.resolvePath(given));
    return this.#model(use).load(use, { ...loading, resolvePath });
  }

  /** The file that `run:ID` names. */
  async #trained(weights: unknown): Promise<string | undefined> {
    if (typeof weights !== 'string' || !weights.startsWith(RUN_PREFIX)) return undefined;
    return (await findTrainedRun(this.runs, weights)).path;
  }

  /** Of weights that were trained here: what they were trained to tell apart. */
  async #classNames({ weights }: PluginUse, loading: LoadContext): Promise<readonly string[] | undefined> {
    if (typeof weights !== 'string' || !(weights.startsWith(RUN_PREFIX) || weights.endsWith('.safetensors')))
      return undefined;
    const path = (await this.#trained(weights)) ?? loading.resolvePath(weights);
    return classNamesIn(await readWeightsMetadata(path));
  }

  #loadContext(
    { context, loaded, specFolder }: Performance,
    emit: (event: RunEvent) => void,
    resources: OpenedResources,
  ): LoadContext {
    return {
      assets: this.assets,
      resolvePath: (path) => {
        if (isAbsolute(path)) return path;
        const besideSpec = resolve(specFolder, path);
        return existsSync(besideSpec) ? besideSpec : resolve(path);
      },
      random: (...name) => new Random(loaded.resolved.seed, ...name),
      signal: context.signal,
      training: loaded.resolved.perform.includes('train'),
      log: (message) => {
        this.reporter.log(message);
        emit({ type: 'log', level: 'info', message });
      },
      warn: (message) => {
        this.reporter.warn(message);
        emit({ type: 'log', level: 'warn', message });
      },
      opened: (path, sha256) => resources.add(path, sha256),
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
