import type { Cost } from '../plugin/contracts.js';
import type { Plugin } from '../plugin/define.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { canonicalHash } from '../spec/canonical.js';
import { chainUses, isEnsembleUse, isMapping } from '../spec/plugin-places.js';
import type { DefenseUse, PluginUse, ResolvedSpec } from '../spec/resolved-spec.js';
import { attackCost } from '../pipeline/attack-cost.js';
import { pluginKey } from '../pipeline/keys.js';

/** One step of a run and the most it costs, in passes of the network over one image. */
export interface PlannedStep {
  readonly step: string;
  readonly forwards: number;
  readonly gradients: number;
  /** The same for steps that leave the same artifact, as far as a spec tells: it is computed once. */
  readonly key: string;
  /** What metrics call its seconds; absent where none does. */
  readonly seconds?: string;
}

/** A gradient costs about as much as two forward passes, beside the one that it holds. */
export const FORWARDS_A_GRADIENT = 2;

/** In passes of the network forward, over one image. */
export function workOf({ forwards, gradients }: Cost): number {
  return forwards + FORWARDS_A_GRADIENT * gradients;
}

/** The images that a spec takes at most; undefined where it takes all there are. */
export function imagesOf({ dataset }: ResolvedSpec): number | undefined {
  const { limit } = dataset;
  return typeof limit === 'number' && limit > 0 ? limit : undefined;
}

/** What a run of the spec would do, in order. */
export function plannedSteps(spec: ResolvedSpec, registry: PluginRegistry): PlannedStep[] {
  if (spec.perform.includes('train')) {
    const epochs = spec.train?.epochs ?? 0;
    const step = `train ${spec.model.use} on ${spec.dataset.use}, ${epochs} epochs`;
    return [{ step, forwards: 0, gradients: epochs, key: canonicalHash(spec) }];
  }
  return new Planner(spec, registry).steps();
}

interface NamedCost {
  readonly name: string;
  readonly use: DefenseUse;
  readonly random: boolean;
  /** Networks asked in one draw. */
  readonly asked: number;
  /** Networks that an adaptive attacker asks for each answer, with this many draws of EOT. */
  readonly passes: (eot: number) => number;
}

/** Of plugins as they are used: cells of a sweep have those that are equal in common. */
const keys = new WeakMap<PluginUse, { readonly plugin: Plugin; readonly key: string }>();

class Planner {
  readonly #base: string;
  readonly #defenses: readonly NamedCost[];

  constructor(
    private readonly spec: ResolvedSpec,
    private readonly registry: PluginRegistry,
  ) {
    const { dataset, model, backend, batch, handover, evaluate, execution } = spec;
    const { threads } = execution;
    this.#base = canonicalHash({
      dataset: this.#use('dataset', dataset),
      model: this.#use('model', model),
      ...{ backend, batch, handover, threads, k: Math.max(...evaluate.top) },
      ...(dataset['shuffle'] === true ? { seed: spec.seed } : {}),
    });
    this.#defenses = Object.entries(spec.defenses).map(([name, use]) => this.#costOf(name, use));
  }

  steps(): PlannedStep[] {
    const { spec } = this;
    const clean = { of: 'clean', base: this.#base };
    return [
      ...this.#judged('clean', clean, 1, 'clean_defended'),
      ...Object.entries(spec.attacks).flatMap(([name, use]) => this.#attacked(name, use)),
    ];
  }

  #attacked(name: string, use: PluginUse): PlannedStep[] {
    const { spec } = this;
    const plugin = this.registry.get('attack', use.use);
    const { use: _use, ...options } = use;
    const cost = attackCost({ plugin, options });
    const { threat } = spec;
    const adaptive = typeof threat === 'object' && 'adaptive' in threat ? threat.adaptive : undefined;
    const source = typeof threat === 'object' && 'black-box' in threat ? threat['black-box'] : 'gray-box';
    const made = { base: this.#base, attack: this.#use('attack', use), seed: spec.seed };
    const key = { ...made, source };
    const steps = this.#judged(`attacked by ${name}`, key, 2, `defended/${name}`);
    if (spec.perform.includes('attack')) {
      steps.unshift({ step: `attack ${name}`, ...cost, key: canonicalHash(key), seconds: `attack/${name}/seconds` });
    }
    if (!adaptive || plugin.needs === 'nothing') return steps;
    return [
      ...steps,
      ...this.#defenses.flatMap((defense) => this.#against(name, defense, cost, { ...made, adaptive })),
    ];
  }

  /** Images that are shown to the networks as they are (`plain` times), and through each defense. */
  #judged(source: string, key: object, plain: number, defended: string): PlannedStep[] {
    const { spec } = this;
    const asTheyAre = {
      step: `${source}: as it is${plain > 1 ? ' and in 8 bits' : ''}`,
      ...{ forwards: plain, gradients: 0 },
      key: canonicalHash({ judged: key }),
    };
    if (!spec.perform.includes('evaluate')) return [asTheyAre];
    const through = this.#defenses.map(({ name, use, random, asked }) => {
      const draws = random ? spec.evaluate.draws : 1;
      const drawn = random ? { draws, seed: spec.seed } : {};
      return {
        step: `${source} through ${name}${draws > 1 ? `, ${draws} draws` : ''}`,
        ...{ forwards: draws * asked, gradients: 0 },
        key: canonicalHash({ judged: key, defense: this.#defense(use), ...drawn }),
        seconds: `${defended}/${name}/seconds`,
      };
    });
    return [asTheyAre, ...through];
  }

  /** An adaptive attack on a defense, and its evaluation. */
  #against(attack: string, defense: NamedCost, { forwards, gradients }: Cost, made: object): PlannedStep[] {
    const { spec } = this;
    const { name, use, random, asked } = defense;
    const { adaptive } = made as { adaptive: { eot: number } };
    const passes = defense.passes(adaptive.eot);
    const key = { ...made, defense: this.#defense(use) };
    const full = `${attack}_vs_${name}`;
    const steps: PlannedStep[] = [];
    if (spec.perform.includes('attack')) {
      const step = `attack ${attack} through ${name}`;
      const cost = { forwards: passes * (forwards + gradients), gradients: passes * gradients };
      steps.push({ step, ...cost, key: canonicalHash(key), seconds: `attack/${full}/seconds` });
    }
    if (spec.perform.includes('evaluate')) {
      const step = `attacked by ${full}, evaluated`;
      const judged = asked * (random ? spec.evaluate.draws : 1) + 2;
      const seconds = `defended/${full}/${name}/seconds`;
      steps.push({ step, forwards: judged, gradients: 0, key: canonicalHash({ judged: key }), seconds });
    }
    return steps;
  }

  #costOf(name: string, use: DefenseUse): NamedCost {
    const drawn = (chain: PluginUse | readonly PluginUse[] | undefined) =>
      chainUses(chain).some((each) => this.registry.get('defense', each.use).random);
    if (!isEnsembleUse(use)) {
      const random = drawn(use);
      return { name, use, random, asked: 1, passes: (eot) => (random ? eot : 1) };
    }
    const members = use.members.map(({ defense }) => drawn(defense));
    return {
      name,
      use,
      random: use.vote === 'random' || members.includes(true),
      asked: use.vote === 'random' ? 1 : members.length,
      passes: (eot) => members.reduce((sum, random) => sum + (random ? eot : 1), 0),
    };
  }

  #defense(use: DefenseUse): unknown {
    if (!isEnsembleUse(use)) return chainUses(use).map((each) => this.#use('defense', each));
    const members = use.members.map(({ defense, model }) => ({
      defense: chainUses(defense).map((each) => this.#use('defense', each)),
      model: isMapping(model) ? this.#use('model', model as PluginUse) : undefined,
    }));
    return { vote: use.vote, members };
  }

  #use(kind: 'dataset' | 'model' | 'attack' | 'defense', used: PluginUse): string {
    const { use, ...options } = used;
    const plugin = this.registry.get(kind, use) as Plugin;
    const known = keys.get(used);
    if (known?.plugin === plugin) return known.key;
    const key = canonicalHash(pluginKey({ name: use, plugin, options }));
    keys.set(used, { plugin, key });
    return key;
  }
}
