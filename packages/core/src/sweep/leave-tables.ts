import { join } from 'node:path';
import { writeAtomically } from '../files/write-atomically.js';
import type { SweepPlan } from './plan.js';
import type { CellResult } from './results.js';
import { accuracyRows, accuracyTable, cellTable, toCsv, toParquet } from './table.js';

/**
 * Leaves cells.csv and .parquet (one row a cell), accuracy.csv and .parquet (one row an accuracy), and
 * accuracy-by-attack and accuracy-by-defense as .svg and .png, of all that is done.
 *
 * @param folder the directory of the sweep's run
 * @throws WRITE_FAILED, DISK_FULL
 */
export async function leaveTables(
  folder: string,
  plan: SweepPlan,
  results: ReadonlyMap<string, CellResult>,
): Promise<void> {
  const rows = accuracyRows(plan, results);
  const tables = { cells: cellTable(plan, results), accuracy: accuracyTable(plan, rows) };
  for (const [name, table] of Object.entries(tables)) {
    if (table.rows.length === 0) continue;
    await writeAtomically(join(folder, `${name}.csv`), toCsv(table));
    await writeAtomically(join(folder, `${name}.parquet`), await toParquet(table));
  }
  if (rows.length === 0) return;
  const [{ sweepPlot }, { default: sharp }] = await Promise.all([import('../report/sweep-plot.js'), import('sharp')]);
  for (const by of ['attack', 'defense'] as const) {
    const svg = await sweepPlot(rows, plan.keys, by);
    if (svg === undefined) continue;
    const path = join(folder, `accuracy-by-${by}`);
    await writeAtomically(`${path}.svg`, svg);
    await writeAtomically(`${path}.png`, await sharp(Buffer.from(svg), { density: 144 }).png().toBuffer());
  }
}
