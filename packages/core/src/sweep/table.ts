import { columns as aligned } from '../report/columns.js';
import type { SweepPlan } from './plan.js';
import { shownValue, type CellResult } from './results.js';

export type Field = string | number | boolean | undefined;

/** A tidy table: one observation a row, one variable a column. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Field[])[];
}

/** One accuracy of one cell: of clean or attacked images, as they are or through a defense. */
export interface AccuracyRow {
  readonly cell: number;
  /** The swept parameters. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Undefined for images that nobody attacked. */
  readonly attack: string | undefined;
  /** Undefined for images as they are; {@link ROUNDED} for those that were only rounded to 8 bits. */
  readonly defense: string | undefined;
  readonly top: number;
  /** Share of all images, with the bounds of its 95 % Wilson interval. */
  readonly accuracy: number;
  readonly low: number | undefined;
  readonly high: number | undefined;
}

/** What rounding to 8 bits is called among the defenses. */
export const ROUNDED = '8 bits';

type Results = ReadonlyMap<string, CellResult>;

/** One row a cell: its number, state, run and seconds, every swept parameter, every metric. */
export function cellTable({ keys, cells }: SweepPlan, results: Results): Table {
  const found = cells.map((cell) => [cell, results.get(cell.key)] as const);
  const metrics = [...new Set(found.flatMap(([, result]) => Object.keys(result?.metrics ?? {})))].sort();
  return {
    columns: ['cell', 'state', 'run', 'seconds', 'error', ...keys, ...metrics],
    rows: found.map(([{ cell, params }, result]) => [
      cell,
      result?.state ?? 'MISSING',
      result?.run,
      result?.seconds,
      result?.error,
      ...keys.map((key) => fieldOf(params[key])),
      ...metrics.map((metric) => result?.metrics?.[metric]),
    ]),
  };
}

/** Accuracies alone, one a row, for plots of the user's own. */
export function accuracyTable({ keys }: Pick<SweepPlan, 'keys'>, rows: readonly AccuracyRow[]): Table {
  return {
    columns: ['cell', ...keys, 'attacked_by', 'defended_by', 'top', 'accuracy', 'low', 'high'],
    rows: rows.map(({ cell, params, attack, defense, top, accuracy, low, high }) => [
      cell,
      ...keys.map((key) => fieldOf(params[key])),
      attack ?? 'none',
      defense ?? 'none',
      top,
      accuracy,
      low,
      high,
    ]),
  };
}

/** Where accuracies stand among the metrics, and what of: `defended/fgsm/jpeg/top1`. */
const ACCURACY =
  /^(clean|clean_defended\/(?<clean>[^/]+)|(attacked|defended)\/(?<attack>[^/]+)\/(?<path>[^/]+))\/top(?<top>\d+)$/;

export function accuracyRows({ cells }: SweepPlan, results: Results): AccuracyRow[] {
  return cells.flatMap(({ cell, key, params }) => {
    const { metrics = {} } = results.get(key) ?? {};
    return Object.entries(metrics).flatMap(([name, accuracy]) => {
      const { clean, attack, path, top } = ACCURACY.exec(name)?.groups ?? {};
      if (top === undefined) return [];
      const untouched = name.startsWith('attacked/') ? { float: undefined, rounded: ROUNDED }[path!] : path;
      const [low, high] = [metrics[`${name}_low`], metrics[`${name}_high`]];
      return [{ cell, params, attack, defense: clean ?? untouched, top: Number(top), accuracy, low, high }];
    });
  });
}

export function toCsv({ columns, rows }: Table): string {
  const quoted = (value: Field) => {
    const text = value === undefined ? '' : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => `${row.map(quoted).join(',')}\n`).join('');
}

/** Columns of one type each: numbers, booleans, else texts; what is not there is null. */
export async function toParquet({ columns, rows }: Table): Promise<Uint8Array> {
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const columnData = columns.map((name, i) => {
    const values = rows.map((row) => row[i]);
    const type = typeOf(values);
    const data = values.map((value) => value ?? null);
    return {
      name,
      type,
      data: type === 'STRING' ? data.map((value) => (value === null ? null : String(value))) : data,
    };
  });
  return new Uint8Array(parquetWriteBuffer({ columnData, createdBy: 'shield' }));
}

/** As `columns` shows it: for the terminal. */
export function toText({ columns, rows }: Table): string {
  return aligned([columns, ...rows.map((row) => row.map((value) => (value === undefined ? '' : String(value))))]);
}

function typeOf(values: readonly Field[]): 'BOOLEAN' | 'INT32' | 'DOUBLE' | 'STRING' {
  const given = values.filter((value) => value !== undefined);
  if (given.length === 0) return 'STRING';
  if (given.every((value) => typeof value === 'boolean')) return 'BOOLEAN';
  if (!given.every((value) => typeof value === 'number')) return 'STRING';
  return given.every((value) => Number.isInteger(value) && Math.abs(value) < 2 ** 31) ? 'INT32' : 'DOUBLE';
}

/** Numbers, texts and truth values as they are; lists and mappings as JSON. */
function fieldOf(value: unknown): Field {
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined) return value;
  return shownValue(value);
}
