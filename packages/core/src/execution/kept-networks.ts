import type { Backend } from '../backend/backend.js';
import { createPredictor, isCaptured, type Predictor } from '../pipeline/predictor.js';
import type { LoadContext, Model } from '../plugin/contracts.js';
import type { ModelPlugin } from '../plugin/define.js';
import { canonicalJson } from '../spec/canonical.js';
import type { PluginUse } from '../spec/resolved-spec.js';
import { LoadRecord } from './load-record.js';

/** What is asked for: a network by all that decides it, but for what its files hold. */
export interface WantedNetwork {
  readonly plugin: ModelPlugin;
  readonly use: PluginUse;
  readonly backend: Backend;
  /** Of the run. */
  readonly seed: number;
}

/** A network that a run works with, until it gives it back. */
export interface NetworkInUse {
  readonly model: Model;
  /** One for each combination of options; the network's, not to be disposed. @param options see {@link createPredictor} */
  predictor(options: PredictorOptions): Predictor;
  /** @param sound false where the run failed: what is wrong may be the network's state, and nobody is given it again */
  release(sound: boolean): void;
}

type PredictorOptions = Parameters<typeof createPredictor>[2];

/** Networks that nobody has used for so long are let go. */
const IDLE_MS = 60_000;

/**
 * Networks that the cells of one process have in common, with the graphs made of them: loaded once, for as long as cells
 * name the same and the files that it came from stand. One that is to be trained is never kept, and one that is loaded
 * first lets go of all that nobody is using: no more is held than one cell needs.
 */
export class KeptNetworks {
  readonly #kept = new Set<Network>();
  readonly #loading = new Map<string, Promise<unknown>>();
  #idle: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param keeps false: each network is one run's, and disposed of at its end */
  constructor(private readonly keeps = true) {}

  /**
   * Gives the network that is kept, or has it loaded; cells that ask for it meanwhile wait for that. The run's record says
   * the same either way.
   *
   * @throws what `load` throws
   */
  async open(
    wanted: WantedNetwork,
    context: LoadContext,
    load: (context: LoadContext) => Promise<Model>,
  ): Promise<NetworkInUse> {
    if (!this.keeps || this.#closed || context.training) return this.#use(new Network(wanted, '', await load(context)));
    const name = nameOf(wanted);
    // Who loads it may fail of what is no fault of ours: then it is tried again.
    for (let loading; (loading = this.#loading.get(name));) await loading.catch(() => undefined);
    for (const network of this.#kept) {
      if (!network.is(wanted, name) || !network.record!.fits(context, wanted.seed)) continue;
      network.record!.tell(context);
      return this.#use(network);
    }
    this.letGo();
    const loading = this.#load(wanted, name, context, load);
    this.#loading.set(name, loading);
    try {
      return this.#use(await loading);
    } finally {
      this.#loading.delete(name);
    }
  }

  /** Lets go of what nobody is using. */
  letGo(): void {
    clearTimeout(this.#idle);
    for (const network of this.#kept) if (network.users === 0) this.#drop(network);
  }

  /** Lets go of everything, of what is in use when that is over. */
  close(): void {
    this.#closed = true;
    this.letGo();
  }

  async #load(
    wanted: WantedNetwork,
    name: string,
    context: LoadContext,
    load: (context: LoadContext) => Promise<Model>,
  ): Promise<Network> {
    const record = new LoadRecord(wanted.seed);
    const network = new Network(wanted, name, await load(record.of(context)), record);
    if (record.stands) this.#kept.add(network);
    return network;
  }

  #use(network: Network): NetworkInUse {
    network.users++;
    clearTimeout(this.#idle);
    let released = false;
    return {
      model: network.model,
      predictor: (options) => network.predictor(options),
      release: (sound) => {
        if (released) return;
        released = true;
        network.users--;
        if (!sound) this.#kept.delete(network);
        if (network.users > 0) return;
        if (this.#closed || !this.#kept.has(network)) this.#drop(network);
        else this.#idle = setTimeout(() => this.letGo(), IDLE_MS).unref();
      },
    };
  }

  #drop(network: Network): void {
    this.#kept.delete(network);
    network.dispose();
  }
}

class Network {
  users = 0;
  readonly #predictors = new Map<string, Predictor>();

  constructor(
    private readonly wanted: WantedNetwork,
    private readonly name: string,
    readonly model: Model,
    readonly record?: LoadRecord,
  ) {}

  is({ plugin }: WantedNetwork, name: string): boolean {
    return this.name === name && this.wanted.plugin === plugin;
  }

  predictor(options: PredictorOptions): Predictor {
    const name = `${options.k} ${isCaptured(options.images)}`;
    let predictor = this.#predictors.get(name);
    if (!predictor) {
      predictor = createPredictor(this.model, this.wanted.backend, options);
      this.#predictors.set(name, predictor);
    }
    return predictor;
  }

  dispose(): void {
    for (const predictor of this.#predictors.values()) predictor.dispose();
    this.model.dispose();
  }
}

function nameOf({ use, backend }: WantedNetwork): string {
  const { name, description, threads, gpu = '' } = backend;
  return canonicalJson({ use, backend: { name, description, threads, gpu } });
}
