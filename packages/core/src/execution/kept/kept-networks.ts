import type { Backend } from '../../backend/backend.js';
import { createPredictor, isCaptured, type Predictor } from '../../pipeline/predictor.js';
import type { LoadContext, Model } from '../../plugin/contracts.js';
import type { ModelPlugin } from '../../plugin/define.js';
import { canonicalJson } from '../../spec/canonical.js';
import type { PluginUse } from '../../spec/resolved-spec.js';
import { Openings, type InUse } from './openings.js';

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
  /** See {@link InUse}. */
  readonly release: InUse<Network>['release'];
}

type PredictorOptions = Parameters<typeof createPredictor>[2];

/** Networks, each with the graphs made of it. One that is to be trained is never kept. */
export class KeptNetworks {
  readonly #kept: Openings<Network>;
  readonly #own: Openings<Network>;

  /** @param keeps false: each network is one run's, and disposed of at its end */
  constructor(keeps = true) {
    const dispose = (network: Network) => network.dispose();
    this.#kept = new Openings({ dispose, keeps });
    this.#own = new Openings({ dispose, keeps: false });
  }

  /** See {@link Openings.open}. @throws what `load` throws */
  async open(
    { plugin, use, backend, seed }: WantedNetwork,
    context: LoadContext,
    load: (context: LoadContext) => Promise<Model>,
  ): Promise<NetworkInUse> {
    const { name, description, threads, gpu = '' } = backend;
    const wanted = { name: canonicalJson({ use, backend: { name, description, threads, gpu } }), plugin, seed };
    const openings = context.training ? this.#own : this.#kept;
    const { value, release } = await openings.open(
      wanted,
      context,
      async (given) => new Network(await load(given), backend),
    );
    return { model: value.model, predictor: (options) => value.predictor(options), release };
  }

  /** See {@link Openings.close}. */
  close(): void {
    this.#kept.close();
  }
}

class Network {
  readonly #predictors = new Map<string, Predictor>();

  constructor(
    readonly model: Model,
    private readonly backend: Backend,
  ) {}

  predictor(options: PredictorOptions): Predictor {
    const name = `${options.k} ${isCaptured(options.images)}`;
    let predictor = this.#predictors.get(name);
    if (!predictor) {
      predictor = createPredictor(this.model, this.backend, options);
      this.#predictors.set(name, predictor);
    }
    return predictor;
  }

  dispose(): void {
    for (const predictor of this.#predictors.values()) predictor.dispose();
    this.model.dispose();
  }
}
