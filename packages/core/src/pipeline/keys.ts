import type { AttackPlugin, DefensePlugin, Plugin } from '../plugin/index.js';
import { fullOptionsSchema } from '../plugin/common-options.js';
import type { ArtifactKey } from './artifact-store.js';
import type { Chosen, PipelineContext } from './context.js';
import { sourceDigest } from './source-digest.js';

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

export function attackKey(context: PipelineContext, attack: Chosen<AttackPlugin>): ArtifactKey {
  return { ...context.baseKey, attack: pluginKey(attack), seed: context.spec.seed, threat: context.spec.threat };
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
