import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ListedRun, Run } from './runs-folder.js';

/*
 * A cell may end with two finished runs: a worker that was taken for dead wakes, and comes to its end beside the one that
 * took its cell over; a cell that is run again has the former run too. The sweep's last word on the cell says which one
 * counts (cells.jsonl). It is asked when a run is looked at: nobody has to write into the other's directory.
 */

/** The id of the run that counts for the cell in the place of this one, which has finished too. */
export function countedInstead({ id, path, sweep, cell }: Run): string | undefined {
  const by = sweep === undefined ? undefined : countedRuns(join(path, '..', sweep)).get(cell);
  return by === id ? undefined : by;
}

/** A list in which of several finished runs of one cell one counts, and the others are SUPERSEDED. */
export function withSuperseded(runs: readonly ListedRun[], runsDir: string): readonly ListedRun[] {
  const finished = new Map<string, ListedRun[]>();
  for (const run of runs) {
    if (run.sweep === undefined || run.state !== 'COMPLETED') continue;
    const cell = `${run.sweep} ${run.cell}`;
    finished.set(cell, [...(finished.get(cell) ?? []), run]);
  }
  const lost = new Set<ListedRun>();
  for (const several of finished.values()) {
    if (several.length === 1) continue;
    const counts = countedRuns(join(runsDir, several[0]!.sweep!)).get(several[0]!.cell);
    for (const run of several) if (counts !== undefined && run.id !== counts) lost.add(run);
  }
  return lost.size === 0 ? runs : runs.map((run) => (lost.has(run) ? { ...run, state: 'SUPERSEDED' } : run));
}

/** The runs that a sweep counts, by their cells. A torn line counts for nothing. @param sweep its directory */
function countedRuns(sweep: string): ReadonlyMap<number | undefined, string> {
  const counted = new Map<number | undefined, string>();
  for (const line of textOf(join(sweep, 'cells.jsonl')).split('\n')) {
    if (line === '') continue;
    try {
      const { cell, state, run } = JSON.parse(line) as { cell: number; state: string; run?: string };
      if (state === 'COMPLETED' && run !== undefined) counted.set(cell, run);
    } catch {
      continue;
    }
  }
  return counted;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
