import { createReadStream, existsSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SweepSettings } from './settings.js';

/** How one cell went. */
export interface CellResult {
  readonly cell: number;
  /** See SweepCell.key. */
  readonly key: string;
  readonly state: 'COMPLETED' | 'FAILED' | 'TIMEOUT';
  readonly run?: string;
  readonly metrics?: Readonly<Record<string, number>>;
  /** Code and message. */
  readonly error?: string;
  readonly seconds: number;
  readonly attempts?: number;
  /** Images a batch, where there was no memory for the spec's. */
  readonly batch?: number;
}

/** Where the results of a sweep stand, as lines. @param folder the directory of its run */
export function resultsPath(folder: string): string {
  return join(folder, 'cells.jsonl');
}

/**
 * What is known of the cells, the last word on each, by key. A torn last line counts for nothing. Line by line: those of a
 * hundred thousand cells are longer than a string can be.
 */
export async function readResults(path: string): Promise<Map<string, CellResult>> {
  const results = new Map<string, CellResult>();
  if (!existsSync(path)) return results;
  const add = (line: string) => {
    try {
      const result = JSON.parse(line) as CellResult;
      results.set(result.key, result);
    } catch {
      // An empty line, or a torn one.
    }
  };
  let rest = '';
  for await (const chunk of createReadStream(path, 'utf8') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    lines.forEach(add);
  }
  add(rest);
  return results;
}

export async function appendResult(path: string, result: CellResult): Promise<void> {
  // A line of its own, also after one that a kill tore off.
  await appendFile(path, `\n${JSON.stringify(result)}`);
}

/** A swept value as tables show it. */
export function shownValue(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/** The names that a `metric` of a sweep means, `*` standing for any text. */
export function metricPattern(metric: string): RegExp {
  const escaped = metric.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`);
}

/** The mean of the metrics whose name the pattern fits; undefined where none does. */
export function measure(metrics: Readonly<Record<string, number>>, pattern: string): number | undefined {
  const fits = metricPattern(pattern);
  const values = Object.entries(metrics).flatMap(([name, value]) => (fits.test(name) ? [value] : []));
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The finished cell whose metric is the largest, or the smallest; the first of several. */
export function bestCell<C extends { readonly key: string }>(
  {
    cells,
    settings: { metric, goal },
  }: { readonly cells: readonly C[]; readonly settings: Pick<SweepSettings, 'metric' | 'goal'> },
  results: ReadonlyMap<string, CellResult>,
): { readonly cell: C; readonly value: number } | undefined {
  if (metric === undefined) return undefined;
  const sign = goal === 'max' ? 1 : -1;
  return cells
    .flatMap((cell) => {
      const value = measure(results.get(cell.key)?.metrics ?? {}, metric);
      return value === undefined ? [] : [{ cell, value }];
    })
    .reduce<{ cell: C; value: number } | undefined>(
      (best, each) => (best && sign * best.value >= sign * each.value ? best : each),
      undefined,
    );
}
