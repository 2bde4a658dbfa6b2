/**
 * Rows as aligned columns, two spaces between, without anything that a terminal or a pipe would stumble on; quick for
 * tens of thousands of rows, where a table library takes seconds.
 *
 * @param right numbers of the columns that stand on the right
 * @param cut numbers of the columns whose cells may be cut off, where a row would be longer than 80 characters
 */
export function columns(
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
  cut: readonly number[] = [],
): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  for (let over = sum(widths) + 2 * (widths.length - 1) - WIDTH; over > 0; over--) {
    const widest = cut.reduce((best, i) => ((widths[i] ?? 0) > (widths[best] ?? 0) ? i : best), cut[0] ?? -1);
    if ((widths[widest] ?? 0) <= NARROWEST) break;
    widths[widest]!--;
  }
  const padded = (text: string, i: number) => {
    const width = widths[i] ?? 0;
    const cell = text.length > width ? `${text.slice(0, width - 1)}…` : text;
    return right.includes(i) ? cell.padStart(width) : cell.padEnd(width);
  };
  return rows.map((row) => `${row.map(padded).join('  ').trimEnd()}\n`).join('');
}

const WIDTH = 80;
const NARROWEST = 8;

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** A number as tables show it: whole as it is, else with up to five significant digits. */
export function shortNumber(value: number): string {
  if (Number.isInteger(value) || !Number.isFinite(value)) return String(value);
  return String(Number(value.toPrecision(5)));
}

/** `2026-01-31 12:34:56`, UTC, of an ISO 8601 time. */
export function shortTime(time: string): string {
  return time.slice(0, 19).replace('T', ' ');
}
