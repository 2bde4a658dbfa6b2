import { boundOf, normOf } from '../plugin/attack-bound.js';
import type { PluginRegistry } from '../plugin/registry.js';
import type { ResolvedSpec } from '../spec/resolved-spec.js';

/** Below half a level: rounding to 8 bits undoes it, but for what stands between two levels. */
const LEAST_LINF = 0.5;
/** In levels, over all pixels: 0.04 on [0, 1], under what the smallest changes that attacks find come to. */
const LEAST_L2 = 10;

/**
 * Other tools give eps on [0, 1], here it is in 0-255 levels: 0.03 is then no attack, and the model looks robust.
 *
 * @returns a line for each attack of the spec whose `eps` is so small that the other unit may be meant
 */
export function doubtfulBounds(spec: Pick<ResolvedSpec, 'attacks'>, registry: PluginRegistry): string[] {
  return Object.entries(spec.attacks).flatMap(([name, { use, ...options }]) => {
    const eps = boundOf(options);
    const norm = normOf(registry.get('attack', use), options);
    if (eps === undefined) return [];
    const place = `attacks.${name}.eps`;
    const meant = `If ${eps} on [0, 1] is meant, write eps: ${short(255 * eps)}`;
    if (norm === 'linf' && eps < LEAST_LINF) return [`${place}: ${eps} of 255 levels is next to nothing. ${meant}`];
    if (norm === 'l2' && eps < LEAST_L2)
      return [
        `${place}: an L2 norm of ${eps} in 255 levels is ${short(eps / 255)} on [0, 1], next to nothing. ${meant}`,
      ];
    return [];
  });
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
