import { attackCost } from '../pipeline/attack-cost.js';
import type { ImageResult } from '../pipeline/collect.js';
import type { PlannedAttack } from '../pipeline/context.js';
import { boundOf, normOf } from '../plugin/attack-bound.js';
import { epsFamilies } from './eps-families.js';

/** Of the attacks on one target, what each has felled so far. */
interface Pair {
  readonly weaker: PlannedAttack;
  readonly stronger: PlannedAttack;
  /** Images that the weaker one felled and the stronger one did not. */
  ahead: number;
}

/**
 * Signs that gradients mislead the attacks that follow them, or that these stop too early, so that the accuracy they
 * leave is no robustness (Athalye et al. 2018, section 3.1; Carlini et al. 2019, section 3): attacks without gradients
 * that do what those with gradients could not, more room that does less, one step that does more than many. Only
 * attacks without a target are compared, within one norm, on the same model or behind the same defense.
 */
export class MaskingSigns {
  readonly #pairs: Pair[];
  readonly #wider: readonly (readonly [PlannedAttack, PlannedAttack])[];
  readonly #steps: readonly (readonly [PlannedAttack, PlannedAttack])[];
  readonly #fallen = new Map<string, number>();

  constructor(planned: readonly PlannedAttack[]) {
    const free = planned.filter((attack) => isUntargeted(attack));
    const pairs = free.flatMap((weaker) => free.map((stronger) => [weaker, stronger] as const)).filter(comparable);
    this.#pairs = pairs
      .filter(([weaker, { plugin }]) => weaker.plugin.needs !== 'gradients' && plugin.needs === 'gradients')
      .map(([weaker, stronger]) => ({ weaker, stronger, ahead: 0 }));
    const steps = (attack: PlannedAttack) => attackCost(attack).gradients;
    this.#steps = pairs.filter(([one, many]) => boundOf(many.options) && steps(one) === 1 && steps(many) > 1);
    const following = free.filter(({ plugin }) => plugin.needs === 'gradients');
    this.#wider = [...new Set(following.map(({ against }) => against?.name))].flatMap((defense) => {
      const alike = following.filter(({ against }) => against?.name === defense);
      const named = new Map(alike.map((attack) => [attack.of, attack]));
      return epsFamilies(alike.map((attack) => ({ ...attack, name: attack.of }))).flatMap(({ attacks }) =>
        attacks.slice(1).map((name, i) => [named.get(attacks[i]!)!, named.get(name)!] as const),
      );
    });
  }

  add({ clean, label, attacks }: ImageResult): void {
    if (clean?.top[0] !== label || !attacks) return;
    const fate = (attack: PlannedAttack) => {
      const row = attacks[attack.name];
      if (!row?.attacked) return 'none';
      // Behind a defense that draws, only what all draws say: one may be wrong by chance.
      const seen = attack.against ? (row.defended[attack.against.name] ?? []) : [row.float];
      if (seen.length === 0 || seen.some(({ unusable }) => unusable !== undefined)) return 'none';
      const right = seen.filter(({ top }) => top[0] === label).length;
      return right === 0 ? 'fell' : right === seen.length ? 'stood' : 'none';
    };
    for (const pair of this.#pairs) if (fate(pair.weaker) === 'fell' && fate(pair.stronger) === 'stood') pair.ahead++;
    for (const attack of new Set([...this.#wider, ...this.#steps].flat()))
      if (fate(attack) === 'fell') this.#fallen.set(attack.name, (this.#fallen.get(attack.name) ?? 0) + 1);
  }

  /** A line for people for each sign. */
  get warnings(): string[] {
    const doubt = ({ name }: PlannedAttack) =>
      `gradients may be masked, or ${name} stops too early (more steps, restarts, autoattack)`;
    const ahead = this.#pairs
      .filter((pair) => pair.ahead > 0)
      .map(
        ({ weaker, stronger, ahead: n }) =>
          `${weaker.name}, which sees no gradient, fools the model on ${images(n)} where ${stronger.name} does not: ` +
          `${doubt(stronger)}; what ${stronger.name} leaves is no robustness`,
      );
    const fallen = ({ name }: PlannedAttack) => this.#fallen.get(name) ?? 0;
    const less = ([a, b]: readonly [PlannedAttack, PlannedAttack]) => fallen(a) > fallen(b);
    const told =
      (what: string) =>
      ([a, b]: readonly [PlannedAttack, PlannedAttack]) =>
        `${b.name} fools the model on ${images(fallen(b))}, ${a.name} with ${what} on ${fallen(a)}: ${doubt(b)}`;
    return [
      ...ahead,
      ...this.#wider.filter(less).map(told('less room')),
      ...this.#steps.filter(less).map(told('one step')),
    ];
  }
}

/** Whether all that the first one may do the second one may do too. */
function comparable([weaker, stronger]: readonly [PlannedAttack, PlannedAttack]): boolean {
  if (weaker === stronger || weaker.against?.name !== stronger.against?.name) return false;
  const norm = normOf(weaker.plugin, weaker.options);
  if (norm === 'none' || norm !== normOf(stronger.plugin, stronger.options)) return false;
  const [bound, room] = [boundOf(weaker.options), boundOf(stronger.options)];
  return bound !== undefined && (room === undefined || room >= bound);
}

function isUntargeted({ options }: PlannedAttack): boolean {
  return options['target'] === undefined || options['target'] === 'none';
}

function images(n: number): string {
  return n === 1 ? '1 image' : `${n} images`;
}
