import { ShieldError, type SourceLocation } from '../errors/index.js';
import type { Defense, Chain, Member } from '../pipeline/defenses.js';
import type { Predictor } from '../pipeline/predictor.js';
import type { ArtifactKey } from '../pipeline/artifact-store.js';
import type { Model } from '../plugin/contracts.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { canonicalJson } from '../spec/canonical.js';
import { chainUses, isEnsembleUse } from '../spec/plugin-places.js';
import type { EnsembleUse, PluginUse, ResolvedSpec } from '../spec/resolved-spec.js';
import { chosen } from './chosen.js';
import type { NetworkInUse } from './kept/kept-networks.js';

/** What a run has at hand to put the members of its ensembles together. */
export interface EnsembleParts {
  readonly registry: PluginRegistry;
  /** The model under attack, which members may share. */
  readonly model: Model;
  readonly predictor: Predictor;
  /** Images of the run, where known, for deciding whether graphs pay. */
  readonly images: number | undefined;
  /** Disposed of by whoever gives them. */
  readonly load: (use: PluginUse) => Promise<Pick<NetworkInUse, 'model' | 'predictor'>>;
  readonly keyOf: (use: PluginUse, model: Model) => ArtifactKey;
  /** The classes that a model was trained on, where its weights say so. */
  readonly classNames: (use: PluginUse) => Promise<readonly string[] | undefined>;
  /** Where a member's model was written. */
  readonly locate: (path: readonly (string | number)[]) => SourceLocation;
}

/** The chains that a spec names, without its ensembles. */
export function chainsOf({ defenses }: ResolvedSpec, registry: PluginRegistry): Chain[] {
  return Object.entries(defenses).flatMap(([name, use]) =>
    isEnsembleUse(use) ? [] : [chainOf(name, chainUses(use), registry)],
  );
}

/**
 * The defenses of a spec with the networks that its ensembles need; a network that several members name is loaded once.
 *
 * @throws CLASSES_DIFFER, CLASS_NAMES_DIFFER where a member knows other classes than the model under attack
 */
export async function loadDefenses(spec: ResolvedSpec, parts: EnsembleParts): Promise<readonly Defense[]> {
  const networks = new Networks(spec, parts);
  const defenses: Defense[] = [];
  for (const [name, use] of Object.entries(spec.defenses)) {
    if (!isEnsembleUse(use)) defenses.push(chainOf(name, chainUses(use), parts.registry));
    else defenses.push({ name, vote: use.vote, members: await networks.members(name, use) });
  }
  return defenses;
}

function chainOf(name: string, uses: readonly PluginUse[], registry: PluginRegistry): Chain {
  return { name, steps: uses.map((use) => chosen(use.use, registry.get('defense', use.use), use)) };
}

type Network = Pick<Member, 'model' | 'predictor' | 'key'>;

class Networks {
  readonly #loaded = new Map<string, Network>();

  constructor(
    private readonly spec: ResolvedSpec,
    private readonly parts: EnsembleParts,
  ) {}

  async members(ensemble: string, { members }: EnsembleUse): Promise<Member[]> {
    const loaded: Member[] = [];
    for (const [i, { name, defense, model }] of members.entries()) {
      const network = await this.#network(model);
      const where = this.parts.locate(['defenses', ensemble, 'members', i, 'model']);
      await this.#checkClasses({ name: `${ensemble}.${name}`, use: model, model: network.model }, where);
      loaded.push({ name, chain: chainOf(`${ensemble}.${name}`, chainUses(defense), this.parts.registry), ...network });
    }
    return loaded;
  }

  async #network(use: PluginUse): Promise<Network> {
    const id = canonicalJson(use);
    const known = this.#loaded.get(id);
    if (known) return known;
    const shared = id === canonicalJson(this.spec.model);
    const loaded = shared ? undefined : await this.parts.load(use);
    const model = loaded?.model ?? this.parts.model;
    const predictor = loaded?.predictor({ k: 1, images: this.parts.images }) ?? this.parts.predictor;
    const network = { model, predictor, key: this.parts.keyOf(use, model) };
    this.#loaded.set(id, network);
    return network;
  }

  /** Against the model under attack: all members then agree with each other. */
  async #checkClasses(
    member: { readonly name: string; readonly use: PluginUse; readonly model: Model },
    where: SourceLocation,
  ): Promise<void> {
    const known = (model: Model) => model.classes - model.labelOffset;
    const names = { model: shown(`member ${member.name}`, member.use), other: shown('the model', this.spec.model) };
    const [classes, otherClasses] = [known(member.model), known(this.parts.model)];
    if (classes !== otherClasses)
      throw new ShieldError('CLASSES_DIFFER', { ...names, classes, otherClasses }, { where });
    const own = await this.parts.classNames(member.use);
    const target = await this.parts.classNames(this.spec.model);
    const differs = own && target ? own.findIndex((name, c) => name !== target[c]) : -1;
    if (differs < 0) return;
    const params = { ...names, class: differs, name: own![differs]!, otherName: target![differs] ?? 'unknown' };
    throw new ShieldError('CLASS_NAMES_DIFFER', params, { where });
  }
}

/** `member shield.v80 (efficientnet_lite0, run:…)`. */
function shown(what: string, { use, weights }: PluginUse): string {
  return `${what} (${typeof weights === 'string' ? `${use}, ${weights}` : use})`;
}
