import type { Chosen } from '../pipeline/context.js';
import { canonicalHash } from '../spec/canonical.js';
import type { AttackPlugin } from '../plugin/define.js';

/** What a list of eps made of one attack of the spec. */
export interface EpsFamily {
  /** The name that the list stands under. */
  readonly name: string;
  /** From the smallest eps to the largest. */
  readonly attacks: readonly string[];
}

/** `pgd_eps0p5`, `pgd_eps2`, …, alike but for their eps, are `pgd` (see spec/eps-lists); one alone is no family. */
export function epsFamilies(attacks: readonly Chosen<AttackPlugin>[]): EpsFamily[] {
  const families = new Map<string, Chosen<AttackPlugin>[]>();
  for (const attack of attacks) {
    const name = /^(.+)_eps[0-9p]+$/.exec(attack.name)?.[1];
    if (name === undefined || typeof attack.options['eps'] !== 'number') continue;
    const { eps: _eps, ...rest } = attack.options;
    const key = `${name} ${attack.plugin.name} ${canonicalHash(rest)}`;
    families.set(key, [...(families.get(key) ?? []), attack]);
  }
  const taken = attacks.map(({ name }) => name);
  return [...families].flatMap(([key, members]) => {
    const name = key.split(' ')[0]!;
    if (members.length < 2 || taken.includes(name)) return [];
    taken.push(name);
    const ordered = members.toSorted((a, b) => Number(a.options['eps']) - Number(b.options['eps']));
    return [{ name, attacks: ordered.map((attack) => attack.name) }];
  });
}
