import { columns, shortNumber } from '../report/columns.js';
import { duration } from '../report/results-table.js';
import { measure, readResults, resultsPath, shownValue } from '../sweep/results.js';
import { readSweepRecord } from '../sweep/sweep-record.js';
import { tellRun } from '../tracking/run-story.js';
import type { Run } from '../tracking/runs-folder.js';
import { factsOf } from './show-command.js';
import { bestLine, runEnd } from './sweep-words.js';

/** `shield show` of a sweep: what it was, and a row for each cell. */
export async function showSweep(run: Run, { json = false }: { readonly json?: boolean }): Promise<void> {
  const [story, record, results] = await Promise.all([
    tellRun(run),
    readSweepRecord(run),
    readResults(resultsPath(run.path)),
  ]);
  const { keys, metric, goal } = record;
  const cells = record.cells.map(({ cell, key, params }) => {
    const { state, run: id, seconds, error, metrics = {} } = results.get(key) ?? {};
    return { cell, params, state, run: id, seconds, error, value: metric && measure(metrics, metric) };
  });
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...story, keys, metric, goal, cells }, undefined, 2)}\n`);
    return;
  }
  const rows = cells.map(({ cell, params, state = 'MISSING', run: id, seconds, value }) => [
    String(cell),
    ...keys.map((key) => shownValue(params[key])),
    state,
    ...(metric ? [typeof value === 'number' ? shortNumber(value) : ''] : []),
    seconds === undefined ? '' : duration(seconds),
    runEnd(id),
  ]);
  const head = ['cell', ...keys, 'state', ...(metric ? ['metric'] : []), 's', 'run'];
  const { best, best_cell: number } = story.metrics;
  const bestOnes = cells.filter(({ cell }) => cell === number);
  const told = best === undefined || !metric ? [] : bestOnes.map((cell) => bestLine(metric, best, cell));
  const failures = cells.flatMap(({ cell, error }) => (error ? [`cell ${cell}: ${error}\n`] : []));
  process.stdout.write([factsOf(story), columns([head, ...rows]), ...told, ...failures].join('\n'));
}
