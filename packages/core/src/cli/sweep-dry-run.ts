import type { PluginRegistry } from '../plugin/registry.js';
import { columns } from '../report/columns.js';
import { duration } from '../report/results-table.js';
import { wrapFor } from '../report/wrap.js';
import { estimateSweep, type CellEstimate, type SweepEstimate, type Work } from '../sweep/estimate.js';
import type { SweepPlan } from '../sweep/plan.js';
import { shownValue } from '../sweep/results.js';
import { printJson } from './print-json.js';
import { Timings } from '../sweep/timings.js';

export interface DryRunOptions {
  readonly registry: PluginRegistry;
  /** Folder whose runs tell how long things take. */
  readonly runsFolder: string;
  readonly json?: boolean;
}

/** `shield sweep --dry-run`: the cells, what each shares with those before it, and what all of it costs. */
export async function printSweepPlan(plan: SweepPlan, options: DryRunOptions): Promise<void> {
  const timings = await Timings.read(options.runsFolder, options.registry);
  const estimate = estimateSweep(plan.cells, options.registry, timings);
  if (options.json) {
    const cells = plan.cells.map(({ cell, params, hash, key }, i) => {
      const { shared, own, work } = estimate.cells[i]!;
      return { cell, params, hash, key, computes: own, shares: shared, work };
    });
    const { work, alone, steps, perImage, seconds, timed } = estimate;
    const told = { work, alone, steps, perImage, seconds, timed };
    return printJson({ name: plan.name, keys: plan.keys, ...told }, 'cells', cells);
  }
  const head = ['cell', ...plan.keys, 'shares'];
  const rows = plan.cells.map(({ cell, params }, i) => [
    String(cell),
    ...plan.keys.map((key) => shownValue(params[key])),
    sharing(estimate.cells[i]!),
  ]);
  const told = wrapFor(process.stdout, summary(plan, estimate).join('\n'));
  process.stdout.write(`${columns([head, ...rows])}\n${told}\n`);
}

/** `5 evaluations; fgsm, pgd of cell 1; cw_l2 of cell 3`: attacks by the cell that carries them out. */
function sharing({ shared }: CellEstimate): string {
  const attacks = new Map<number, string[]>();
  let evaluations = 0;
  for (const { step, with: first } of shared) {
    const [, attack] = /^attack (.*)$/.exec(step) ?? [];
    if (attack === undefined) evaluations++;
    else attacks.set(first, [...(attacks.get(first) ?? []), attack]);
  }
  const count = evaluations > 0 ? [`${evaluations} evaluation${evaluations > 1 ? 's' : ''}`] : [];
  return [...count, ...[...attacks].map(([cell, names]) => `${names.join(', ')} of cell ${cell}`)].join('; ');
}

function summary({ cells }: SweepPlan, estimate: SweepEstimate): string[] {
  const { steps, work, alone, perImage, seconds, timed } = estimate;
  const many = (count: number, name: string) => `${whole(count)} ${name}${count === 1 ? '' : 's'}`;
  const each = perImage ? ' an image (the data set is taken whole)' : '';
  const saved = weight(alone) === 0 ? 0 : 1 - weight(work) / weight(alone);
  return [
    `${many(cells.length, 'cell')}, all of them valid; ${many(steps.all, 'step')}, of which ${whole(steps.once)} are computed`,
    `work, at most: ${whole(work.forwards)} forward passes and ${many(work.gradients, 'gradient')}${each}`,
    ...(saved > 0.005 ? [`sharing saves ${Math.round(100 * saved)} % of what the cells would cost one by one`] : []),
    seconds === undefined
      ? 'time: no earlier run of these networks on this backend tells'
      : `time: about ${duration(seconds)}${seconds < 100 ? ' s' : ''} one after the other, by earlier runs (${Math.round(100 * timed)} % of it timed as it is)`,
  ];
}

function weight({ forwards, gradients }: Work): number {
  return forwards + 2 * gradients;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}
