import type { RecordedSweep } from '../execution/record-sweep.js';
import { columns } from '../report/columns.js';
import { duration } from '../report/results-table.js';
import type { SweepCell, SweepPlan } from '../sweep/plan.js';
import { bestCell, measure, shownValue, type CellResult } from '../sweep/results.js';
import { failedCells } from './failed-cells.js';
import { shortPath } from './short-path.js';
import { printSweepJson } from './sweep-json.js';
import { bestLine, runEnd } from './sweep-words.js';

/** What a sweep that has ended comes to. */
export async function printOutcome(plan: SweepPlan, { run, results }: RecordedSweep, json: boolean): Promise<void> {
  if (json) return printSweepJson(run, plan, results);
  const best = bestCell(plan, results);
  process.stdout.write(`\n${outcomes(plan, results)}`);
  const failed = failedCells(plan, results);
  process.stdout.write(failed === undefined ? '\n' : `\n${failed}\n\n`);
  if (best) process.stdout.write(bestLine(plan.settings.metric!, best.value, best.cell));
  process.stdout.write(`${shortPath(run.path)}\n`);
}

function outcomes(plan: SweepPlan, results: ReadonlyMap<string, CellResult>): string {
  const { metric } = plan.settings;
  const head = ['cell', ...plan.keys, 'state', ...(metric ? ['metric'] : []), 's', 'run'];
  const rows = plan.cells.map((cell) => {
    const { state = '', run, metrics, seconds } = results.get(cell.key) ?? {};
    const value = metric && metrics ? measure(metrics, metric) : undefined;
    const figures = [
      state,
      ...(metric ? [value?.toFixed(4) ?? ''] : []),
      seconds === undefined ? '' : duration(seconds),
    ];
    return [...cellRow(plan, cell), ...figures, runEnd(run)];
  });
  return columns([head, ...rows]);
}

function cellRow({ keys }: SweepPlan, { cell, params }: SweepCell): string[] {
  return [String(cell), ...keys.map((key) => shownValue(params[key]))];
}
