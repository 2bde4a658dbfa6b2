import type { Chosen } from './context.js';
import type { AttackPlugin } from '../plugin/index.js';
import type { Summary } from './summary/summary.js';

/** One line for each flag that an attack raised: what it means, and of how many images. */
export function raisedFlags(summary: Summary, attacks: readonly Chosen<AttackPlugin>[]): string[] {
  return Object.entries(summary.attacks).flatMap(([name, { against, attacked, flags }]) => {
    const texts = attacks.find((attack) => attack.name === (against?.attack ?? name))?.plugin.flags;
    return Object.entries(flags).map(
      ([flag, images]) => `${name}: ${texts?.[flag] ?? ''} (${flag}, ${images} of ${attacked} images)`,
    );
  });
}
