import type { Summary } from '../pipeline/summary/summary.js';
import type { ResolvedSpec } from '../spec/resolved-spec.js';
import { resultsTable } from './results-table.js';

/** Where a run leaves what {@link runTable} gives, in its folder. */
export const RESULTS = 'results.txt';

/** The table of a run of this spec, as the terminal is shown it. */
export function runTable(summary: Summary, { model, dataset, handover, evaluate, threat }: ResolvedSpec): string {
  const source = typeof threat === 'object' && 'black-box' in threat ? threat['black-box'].model.use : undefined;
  const names = { model: model.use, dataset: dataset.use, ...(source ? { source } : {}) };
  return resultsTable(summary, { ...names, handover, top: evaluate.top });
}
