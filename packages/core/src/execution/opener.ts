import { inject, injectable } from 'tsyringe';
import { prepareSha256 } from '../assets/background-sha256.js';
import type { Backend } from '../backend/backend.js';
import { coreCode } from '../pipeline/code-digest.js';
import { ArtifactStore, type ArtifactKey } from '../pipeline/artifact-store.js';
import type { PipelineContext } from '../pipeline/context.js';
import { pluginKey } from '../pipeline/keys.js';
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
import type { Kept } from './kept/kept.js';
import type { NetworkInUse } from './kept/kept-networks.js';
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
  /** The one under attack. */
  readonly network: Network;
  /** Has another one loaded; given back with the first. */
  readonly load: (use: PluginUse) => Promise<Network>;
}

type Network = Omit<NetworkInUse, 'release'>;

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
    @inject(TOKENS.kept) private readonly kept: Kept,
    @inject(TOKENS.store) private readonly store: { readonly shared: SharedStore | undefined },
  ) {}

  /** Everything is closed again when the work is over. */
  async using<T>(opening: Opening, work: (opened: Opened) => Promise<T>): Promise<T> {
    const emit = (event: RunEvent) => void opening.emit(event).catch(() => undefined);
    const resources = new OpenedResources(emit, this.kept.digests, opening.signal);
    const inUse: { release(sound: boolean): void }[] = [];
    let sound = false;
    try {
      const loading = loadContext(opening, this, emit, resources);
      const spec = opening.loaded.resolved;
      // The dataset first: it is quick to open, and a wrong path is best told before a backend is prepared.
      const opened = await this.kept.datasets.open(this.#dataset(spec.dataset), spec.dataset, spec.seed, loading);
      inUse.push(opened);
      const dataset = opened.value;
      const threads = spec.execution.threads || (opening.threads ?? this.threads);
      const { log, warn } = loading;
      // Weights will be hashed, by a thread that starts while the backend does.
      prepareSha256();
      const backend = await this.openBackend(spec.backend, { threads, log, warn });
      await opening.backendOpened?.(backend);
      const load = async (use: PluginUse) => {
        const network = await this.#load(use, backend, spec.seed, loading);
        inUse.push(network);
        return network;
      };
      const done = await work({ loading, dataset, backend, network: await load(spec.model), load });
      sound = true;
      return done;
    } finally {
      for (const each of inUse) each.release(sound);
      await resources.recorded();
    }
  }

  /** What the stages work with, with the networks of a black-box threat and of ensembles. */
  async pipelined<T>(
    { loaded, artifacts, shard, signal, emit }: Opening,
    { loading, dataset, backend, network, load }: Opened,
    work: (pipeline: PipelineContext) => Promise<T>,
  ): Promise<T> {
    const spec = loaded.resolved;
    const { model } = network;
    const sourceUse = sourceModel(spec);
    const source = sourceUse && this.#source(sourceUse, (await load(sourceUse)).model);
    const predictor = network.predictor({ k: Math.max(...spec.evaluate.top), images: dataset.size });
    const defenses = await loadDefenses(spec, {
      registry: this.registry,
      model,
      predictor,
      images: dataset.size,
      load,
      keyOf: (use, member) => this.#modelKey(use, member),
      classNames: (use) => this.#classNames(use, loading),
      locate: loaded.locate,
    });
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
        this.kept.rows,
      ),
      baseKey: this.#baseKey(spec, content, backend, model),
      reporter: this.reporter,
      shard,
      signal,
      emit,
    });
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
  async #load(use: PluginUse, backend: Backend, seed: number, loading: LoadContext): Promise<NetworkInUse> {
    const { weights } = use;
    const plugin = this.#model(use);
    const path = await this.#trained(weights);
    const resolvePath = (given: string) => (given === weights && path ? path : loading.resolvePath(given));
    const context = { ...loading, resolvePath };
    return this.kept.networks.open({ plugin, use, backend, seed }, context, (given) => plugin.load(use, given));
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
