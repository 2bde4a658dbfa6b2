import { wrap } from '../report/wrap.js';
import type { SweepPlan } from '../sweep/plan.js';
import type { CellResult } from '../sweep/results.js';

/** Every terminal has these. */
const COLUMNS = 80;

/** The cells that failed, each with its cause, below which the table of all cells has no room for it. */
export function failedCells(plan: SweepPlan, results: ReadonlyMap<string, CellResult>): string | undefined {
  const failed = plan.cells.flatMap((cell) => {
    const result = results.get(cell.key);
    return result && result.state !== 'COMPLETED' ? [{ cell, result }] : [];
  });
  if (failed.length === 0) return undefined;
  const lines = failed.map(({ cell, result: { state, error = '', attempts = 1, run } }) => {
    const tried = attempts > 1 ? `, ${attempts} attempts` : '';
    const head = wrap(`cell ${cell.cell}: ${state}${tried}, ${cell.overrides.join(' ')}`, COLUMNS, 2);
    return [head, wrap(`  ${error}`, COLUMNS, 2), ...(run === undefined ? [] : [`  run ${run}`])].join('\n');
  });
  return ['failed:', ...lines].join('\n');
}

/** The command that runs just the failed ones again, as a shell takes it. */
export function againCommand(
  spec: string,
  typed: { readonly multirun?: boolean; readonly executor?: string; readonly overrides: readonly string[] },
): string {
  const flags = [...(typed.multirun ? ['-m'] : []), ...(typed.executor ? ['--executor', typed.executor] : [])];
  return ['shield', 'sweep', spec, ...flags, ...typed.overrides, '--only', 'failed'].map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w./:=,+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
