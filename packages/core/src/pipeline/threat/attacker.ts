import type { PlannedAttack, PipelineContext } from '../context.js';
import { surrogate, undefended, type AttackerView } from './attacker-view.js';
import { isEnsemble } from '../defenses.js';
import { DefendedView } from './defended-view.js';
import { EnsembleView } from './ensemble-view.js';

/** What the attacker of one attack works on, as the threat model of the spec has it. */
export function attackerView(context: PipelineContext, attack: PlannedAttack, capture: boolean): AttackerView {
  const { model, backend, spec } = context;
  if (attack.against) {
    const { eot, gradient } = adaptiveThreat(context)!;
    const { against: defense } = attack;
    const common = { backend, capture, eot, gradient, setting: context, inputSize: model.inputSize };
    if (!isEnsemble(defense)) return new DefendedView({ ...common, model, defense });
    const members = defense.members.map(
      ({ model: own, chain }, member) => new DefendedView({ ...common, model: own, defense: chain, member }),
    );
    return new EnsembleView(defense.vote, members);
  }
  if (!context.source) return undefended(model);
  const names = { model: spec.model.use, source: context.source.name };
  return surrogate(model, context.source.model, context.preprocess.interpolation, names);
}

/** The settings of `threat: { adaptive: … }`, where the spec has it. */
export function adaptiveThreat({ spec }: Pick<PipelineContext, 'spec'>) {
  return typeof spec.threat === 'object' && 'adaptive' in spec.threat ? spec.threat.adaptive : undefined;
}

/**
 * The attacks of a spec as they are carried out: each by itself and, where the attacker knows the defenses, against
 * each of them. Noise and the like ask the model nothing: a defense cannot change it.
 */
export function planAttacks(context: Pick<PipelineContext, 'spec' | 'attacks' | 'defenses'>): PlannedAttack[] {
  return context.attacks.flatMap((attack): PlannedAttack[] => {
    const alone: PlannedAttack = { ...attack, of: attack.name };
    if (!adaptiveThreat(context) || attack.plugin.needs === 'nothing') return [alone];
    const against = context.defenses.map((defense): PlannedAttack => ({
      ...attack,
      name: `${attack.name}_vs_${defense.name}`,
      of: attack.name,
      against: defense,
    }));
    return [alone, ...against];
  });
}
