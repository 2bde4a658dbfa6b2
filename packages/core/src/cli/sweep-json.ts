import { bestCell, type CellResult } from '../sweep/results.js';
import type { SweepSettings } from '../sweep/settings.js';
import type { Run } from '../tracking/runs-folder.js';
import { printJson } from './print-json.js';

/** A sweep as its plan has it, or its record. */
export interface TellableSweep {
  readonly cells: readonly {
    readonly cell: number;
    readonly key: string;
    readonly params: Readonly<Record<string, unknown>>;
  }[];
  readonly settings: Pick<SweepSettings, 'metric' | 'goal'>;
}

/** Prints what a sweep found, for other programs: `shield sweep --json`, `shield watch --json`. */
export async function printSweepJson(
  { id: sweep, path }: Run,
  told: TellableSweep,
  results: ReadonlyMap<string, CellResult>,
): Promise<void> {
  const cells = told.cells.map(({ cell, params, key }) => ({ cell, params, ...results.get(key) }));
  const found = bestCell(told, results);
  const best = found && { cell: found.cell.cell, value: found.value };
  await printJson({ sweep, path, best }, 'cells', cells);
}
