import type { PipelineContext, PlannedAttack } from '../context.js';
import type { AttackSummary, Summary } from '../summary/summary.js';
import { wayBack } from './way-back.js';

/** The summary with what each adaptive attack is made of; its defense's accuracy is what it leaves behind it. */
export function withThreats(
  summary: Summary,
  planned: readonly PlannedAttack[],
  context: Pick<PipelineContext, 'spec'>,
): Summary {
  const attacks = planned.flatMap((each): [string, AttackSummary][] => {
    const { name, of, against } = each;
    const attack = summary.attacks[name];
    if (!attack) return [];
    if (!against) return [[name, attack]];
    const back = wayBack(context, each);
    return [[name, { ...attack, against: { attack: of, defense: against.name, ...(back ? { back } : {}) } }]];
  });
  return { ...summary, attacks: Object.fromEntries(attacks) };
}

/**
 * An attacker who knows the defense can always do what the one does who does not. Where he does worse, it is his attack
 * that is weak, and the figure says nothing good of the defense (Carlini et al. 2019, section 3.3).
 *
 * @returns one line for each adaptive attack that leaves the model more accurate than the gray-box one
 */
export function weakAdaptiveAttacks(summary: Summary): string[] {
  return Object.values(summary.attacks).flatMap(({ against, defenses }) => {
    if (!against) return [];
    const { attack, defense } = against;
    const adaptive = defenses[defense]?.accuracy.top['1']?.share;
    const gray = summary.attacks[attack]?.defenses[defense]?.accuracy.top['1']?.share;
    if (adaptive === undefined || gray === undefined || adaptive <= gray) return [];
    const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
    return [
      `${attack} against ${defense}: the adaptive attack leaves ${percent(adaptive)}, more than the gray-box one's ` +
        `${percent(gray)}: it is too weak to say anything of the defense (more steps, more eot draws, another attack)`,
    ];
  });
}
