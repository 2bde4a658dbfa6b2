import type { AttackPlugin } from '../plugin/index.js';
import type { Cost } from '../plugin/contracts.js';
import type { Chosen } from './context.js';
import { gridCost } from './grid/grid-repair.js';

/** The most that an attack spends on one image: its own passes, and those of putting it on the 8-bit grid. */
export function attackCost({ plugin, options }: Pick<Chosen<AttackPlugin>, 'plugin' | 'options'>): Cost {
  const own = plugin.cost(options);
  if (options['grid'] !== 'uint8') return own;
  const grid = gridCost(plugin.needs);
  return { forwards: own.forwards + grid.forwards, gradients: own.gradients + grid.gradients };
}
