import type { DefensePlugin, Plugin } from '../plugin/index.js';
import { fullOptionsSchema } from '../plugin/common-options.js';
import type { ArtifactKey } from './artifact-store.js';
import type { Chosen, PipelineContext, PlannedAttack } from './context.js';
import { sourceDigest } from './source-digest.js';
import { adaptiveThreat } from './threat/attacker.js';

/** A plugin as it stands in artifact keys: its code and every option that affects results. */
export function pluginKey(chosen: Chosen<Plugin>): ArtifactKey {
  const properties = fullOptionsSchema(chosen.plugin).properties as Record<string, { affectsResult?: boolean }>;
  const options = Object.entries(chosen.options).filter(([key]) => properties[key]?.affectsResult !== false);
  return {
    name: chosen.plugin.name,
    source: sourceDigest(chosen.plugin.sourceFile),
    options: Object.fromEntries(options),
  };
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
    seed: context.spec.seed,
    threat: threatKey(context, attack),
  };
}

/** An adaptive threat's attack without a defense is the gray-box one: both share it. */
function threatKey(context: PipelineContext, { against }: PlannedAttack): unknown {
  if (against) {
    const handover = against.plugin.takes === 'bytes' ? { handover: context.spec.handover } : {};
    return { adaptive: adaptiveThreat(context), defense: pluginKey(against), ...handover };
  }
  return context.source ? { 'black-box': context.source.key } : 'gray-box';
}

/** @param source the key of the images that go in: {@link cleanKey} or {@link attackKey} */
export function judgedKey(
  context: PipelineContext,
  source: ArtifactKey,
  through: { readonly defense?: Chosen<DefensePlugin>; readonly rounded?: boolean; readonly draws: number },
): ArtifactKey {
  const { defense, rounded, draws } = through;
  const handover = rounded || defense?.plugin.takes === 'bytes' ? { handover: context.spec.handover } : {};
  return {
    source,
    k: Math.max(...context.spec.evaluate.top),
    ...handover,
    ...(defense ? { defense: pluginKey(defense) } : {}),
    ...(defense?.plugin.random ? { draws, seed: context.spec.seed } : {}),
  };
}
