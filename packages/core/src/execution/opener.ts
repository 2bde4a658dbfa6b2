import { inject, injectable } from 'tsyringe';
import type { Backend } from '../backend/backend.js';
import { coreCode } from '../pipeline/code-digest.js';
import { ArtifactStore, type ArtifactKey } from '../pipeline/artifact-store.js';
import type { PipelineContext } from '../pipeline/context.js';
import { pluginKey } from '../pipeline/keys.js';
import { createPredictor } from '../pipeline/predictor.js';
import type { Reporter } from '../pipeline/reporter.js';
import type { Shard } from '../pipeline/shard.js';
import type { Assets, Dataset, LoadContext, Model } from '../plugin/contracts.js';
import type { DatasetPlugin, ModelPlugin } from '../plugin/define.js';
import type { SharedStore } from '../plugin/shared-store.js';
import type { PluginRegistry } from '../plugin/registry.js';
import type { LoadedSpec } from '../spec/load-spec.js';
import type { PluginUse, Preprocess, ResolvedSpec } from '../spec/resolved-spec.js';
import type { RunEvent } from '../tracking/index.js';
import { chosen } from './chosen.js';
import { loadDefenses } from './ensembles.js';
import { loadContext } from './load-context.js';
import { OpenedResources } from './opened-resources.js';
import { targetTables } from './target-tables.js';
import { TOKENS, type BackendOpener } from './tokens.js';
import { findTrainedRun, RUN_PREFIX } from './trained-weights.js';
import { classNamesIn } from './training.js';
import { readWeightsMetadata } from '../weights/read-metadata.js';

/** A spec that is to be worked through, and by whom. */
export interface Opening {
  readonly loaded: LoadedSpec;
  /** Folder that paths in the spec are relative to. */
  readonly specFolder: string;
  /** Folder of the artifacts that runs share. */
  readonly artifacts: string;
  readonly shard: Shard;
  /** Of the backend, where the spec leaves them open; default: the program's. */
  readonly threads?: number;
  readonly signal: AbortSignal;
  readonly emit: (event: RunEvent) => Promise<void>;
  /** Told before the networks are loaded. */
  readonly backendOpened?: (backend: Backend) => Promise<void>;
}

/** What a spec names, opened. */
export interface Opened {
  readonly loading: LoadContext;
  readonly dataset: Dataset;
  readonly backend: Backend;
  readonly model: Model;
}

/** Opens what specs name, and puts it together for the pipeline. */
@injectable()
export class Opener {
  constructor(
    @inject(TOKENS.registry) private readonly registry: PluginRegistry,
    @inject(TOKENS.assets) readonly assets: Assets,
    @inject(TOKENS.reporter) readonly reporter: Reporter,
    @inject(TOKENS.openBackend) private readonly openBackend: BackendOpener,
    @inject(TOKENS.runsFolder) private readonly runs: string,
    @inject(TOKENS.threads) private readonly threads: number,
    @inject(TOKENS.store) private readonly store: { readonly shared: SharedStore | undefined },
  ) {}

  /** Everything is closed again when the work is over. */
  async using<T>(opening: Opening, work: (opened: Opened) => Promise<T>): Promise<T> {
    const emit = (event: RunEvent) => void opening.emit(event).catch(() => undefined);
    const resources = new OpenedResources(emit, opening.signal);
    try {
      const loading = loadContext(opening, this, emit, resources);
      const spec = opening.loaded.resolved;
      // The dataset first: it is quick to open, and a wrong path is best told before a backend is prepared.
      const dataset = await this.#dataset(spec.dataset).open(spec.dataset, loading);
      const threads = spec.execution.threads || (opening.threads ?? this.threads);
      const { log, warn } = loading;
      const backend = await this.openBackend(spec.backend, { threads, log, warn });
      await opening.backendOpened?.(backend);
      const model = await this.#load(spec.model, loading);
      try {
        return await work({ loading, dataset, backend, model });
      } finally {
        model.dispose();
      }
    } finally {
      await resources.recorded();
    }
  }

  /** What the stages work with, with the networks of a black-box threat and of ensembles; disposed of afterwards. */
  async pipelined<T>(opening: Opening, opened: Opened, work: (pipeline: PipelineContext) => Promise<T>): Promise<T> {
    const sourceUse = sourceModel(opening.loaded.resolved);
    const source = sourceUse && (await this.#load(sourceUse, opened.loading));
    try {
      return await this.#pipelined(opening, opened, sourceUse && this.#source(sourceUse, source!), work);
    } finally {
      source?.dispose();
    }
  }

  async #pipelined<T>(
    { loaded, artifacts, shard, signal, emit }: Opening,
    { loading, dataset, backend, model }: Opened,
    source: PipelineContext['source'],
    work: (pipeline: PipelineContext) => Promise<T>,
  ): Promise<T> {
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
    try {
      const content = await dataset.fingerprint();
      await emit({ type: 'param', key: 'dataset_content', value: content });
      return await work({
        spec,
        specPath: loaded.path,
        dataset,
        preprocess: spec.dataset['preprocess'] as Preprocess,
        onCorrupt: spec.dataset['on_corrupt'] as 'fail' | 'skip',
        model,
        ...(source ? { source } : {}),
        backend,
        predictor,
        attacks: Object.entries(spec.attacks).map(([name, use]) =>
          chosen(name, this.registry.get('attack', use.use), use),
        ),
        defenses,
        targets: await targetTables(spec, loading),
        store: new ArtifactStore(
          artifacts,
          ({ kind, hash, path }) => emit({ type: 'artifact', kind, key: hash, path }),
          this.store.shared,
        ),
        baseKey: this.#baseKey(spec, content, backend, model),
        reporter: this.reporter,
        shard,
        signal,
        emit,
      });
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
}

function sourceModel({ threat }: ResolvedSpec): PluginUse | undefined {
  return typeof threat === 'object' && 'black-box' in threat ? threat['black-box'].model : undefined;
}
