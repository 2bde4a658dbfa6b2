import type { PipelineContext, PlannedAttack } from '../context.js';
import { isEnsemble, isRandom, type Defense } from '../defenses.js';
import { adaptiveThreat } from './attacker.js';

/** How the gradient of an adaptive attack comes back through a defense. */
export interface WayBack {
  /** Plugins that it goes back through by the functions that they bring. */
  readonly own: readonly string[];
  /** Plugins that it passes as if they were not there (BPDA with the identity). */
  readonly identity: readonly string[];
  /** Draws of their randomness that each step averages over (EOT); 1 where there is none. */
  readonly draws: number;
}

/** Undefined for an attack that knows no defense, and for one that follows no gradient. */
export function wayBack(
  context: Pick<PipelineContext, 'spec'>,
  { against, plugin }: PlannedAttack,
): WayBack | undefined {
  const threat = adaptiveThreat(context);
  if (!against || !threat || plugin.needs !== 'gradients') return undefined;
  const plugins = new Map(stepsOf(against).map((step) => [step.plugin.name, step.plugin]));
  const isOwn = (name: string) => threat.gradient === 'own' && plugins.get(name)!.gradient !== 'straight-through';
  const names = [...plugins.keys()];
  return {
    own: names.filter(isOwn),
    identity: names.filter((name) => !isOwn(name)),
    draws: isRandom(against) ? threat.eot : 1,
  };
}

function stepsOf(defense: Defense) {
  return isEnsemble(defense) ? defense.members.flatMap(({ chain }) => chain.steps) : defense.steps;
}
