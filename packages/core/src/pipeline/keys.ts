import type { Plugin } from '../plugin/index.js';
import { fullOptionsSchema } from '../plugin/common-options.js';
import type { ArtifactKey } from './artifact-store.js';
import { pluginCode } from './code-digest.js';
import type { Chosen, PipelineContext, PlannedAttack } from './context.js';
import { isEnsemble, isRandom, takesBytes, type Chain, type Defense } from './defenses.js';
import { adaptiveThreat } from './threat/attacker.js';

/** A plugin as it stands in artifact keys: its code and every option that affects results. */
export function pluginKey(chosen: Chosen<Plugin>): ArtifactKey {
  const properties = fullOptionsSchema(chosen.plugin).properties as Record<string, { affectsResult?: boolean }>;
  const options = Object.entries(chosen.options).filter(([key]) => properties[key]?.affectsResult !== false);
  return {
    name: chosen.plugin.name,
    source: pluginCode(chosen.plugin),
    options: Object.fromEntries(options),
  };
}

/** A defense as it stands in artifact keys. */
export function defenseKey(defense: Defense): unknown {
  if (!isEnsemble(defense)) return chainKey(defense);
  const members = defense.members.map(({ chain, key }) => ({ defense: chainKey(chain), model: key }));
  return { ensemble: { vote: defense.vote, members } };
}

function chainKey({ steps }: Chain): unknown {
  return steps.length === 1 ? pluginKey(steps[0]!) : { chain: steps.map(pluginKey) };
}

export function cleanKey(context: PipelineContext): ArtifactKey {
  return { ...context.baseKey, of: 'clean', k: Math.max(...context.spec.evaluate.top) };
}

export function attackKey(context: PipelineContext, attack: PlannedAttack): ArtifactKey {
  const targets = context.targets.get(attack.of);
  return {
    ...context.baseKey,
    attack: pluginKey(attack),
    ...(targets ? { targets: targets.sha256 } : {}),
    // The values that stand for levels are those that the hand-over gives back.
    ...(attack.options['grid'] === 'uint8' ? { handover: context.spec.handover } : {}),
    seed: context.spec.seed,
    threat: threatKey(context, attack),
  };
}

/** An adaptive threat's attack without a defense is the gray-box one: both share it. */
function threatKey(context: PipelineContext, { against }: PlannedAttack): unknown {
  if (against) {
    const handover = takesBytes(against) ? { handover: context.spec.handover } : {};
    return { adaptive: adaptiveThreat(context), defense: defenseKey(against), ...handover };
  }
  return context.source ? { 'black-box': context.source.key } : 'gray-box';
}

/** @param source the key of the images that go in: {@link cleanKey} or {@link attackKey} */
export function judgedKey(
  context: PipelineContext,
  source: ArtifactKey,
  through: { readonly defense?: Defense; readonly rounded?: boolean; readonly draws: number },
): ArtifactKey {
  const { defense, rounded, draws } = through;
  const handover = rounded || (defense && takesBytes(defense)) ? { handover: context.spec.handover } : {};
  return {
    source,
    k: Math.max(...context.spec.evaluate.top),
    ...handover,
    ...(defense ? { defense: defenseKey(defense) } : {}),
    ...(defense && isRandom(defense) ? { draws, seed: context.spec.seed } : {}),
  };
}
