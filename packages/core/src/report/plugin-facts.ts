import type { Plugin } from '../plugin/define.js';

/** What there is to know of a plugin beside its options, in a few words each. */
export function pluginFacts(plugin: Plugin): string[] {
  if (plugin.kind !== 'attack' && plugin.kind !== 'defense') return [];
  const draws = plugin.random ? 'draws random numbers' : 'deterministic';
  if (plugin.kind === 'attack')
    return [
      `norm: ${plugin.norm}`,
      `needs: ${plugin.needs}`,
      plugin.targeted ? 'can be targeted' : 'untargeted',
      draws,
    ];
  const back = plugin.gradient === 'straight-through' ? 'the identity (BPDA)' : 'by a gradient of its own';
  return [`takes: ${plugin.takes}`, draws, `way back of an adaptive attack: ${back}`];
}
