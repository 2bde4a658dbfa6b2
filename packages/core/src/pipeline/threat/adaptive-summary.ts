import type { PlannedAttack } from '../context.js';
import type { AttackSummary, Summary } from '../summary/summary.js';

/** The summary with what each adaptive attack is made of; its defense's accuracy is what it leaves behind it. */
export function withThreats(summary: Summary, planned: readonly PlannedAttack[]): Summary {
  const attacks = planned.flatMap(({ name, of, against }): [string, AttackSummary][] => {
    const attack = summary.attacks[name];
    if (!attack) return [];
    return [[name, against ? { ...attack, against: { attack: of, defense: against.name } } : attack]];
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
