/**
 * Rows as aligned columns, two spaces between, without anything that a terminal or a pipe would stumble on; quick for
 * tens of thousands of rows, where a table library takes seconds.
 *
 * @param right numbers of the columns that stand on the right
 */
export function columns(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  const padded = (cell: string, i: number) =>
    right.includes(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0);
  return rows.map((row) => `${row.map(padded).join('  ').trimEnd()}\n`).join('');
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
