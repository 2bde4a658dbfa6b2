/**
 * The rows of comma-separated values (RFC 4180: quotes, doubled quotes, commas and line breaks within quotes, CRLF),
 * each by the names in the first line. Empty lines are passed over.
 *
 * @throws Error for a quote that is never closed
 */
export function parseCsv(text: string): { header: readonly string[]; rows: readonly ReadonlyMap<string, string>[] } {
  const [header = [], ...lines] = recordsOf(text.replace(/^\uFEFF/, '')).filter((cells) =>
    cells.some((cell) => cell !== ''),
  );
  const rows = lines.map((cells) => new Map(header.map((name, i) => [name, cells[i] ?? ''])));
  return { header, rows };
}

function recordsOf(text: string): string[][] {
  const records: string[][] = [];
  let cells: string[] = [];
  // A quoted or a plain cell, then what ends it.
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/y;
  while (cell.lastIndex < text.length || cells.length > 0) {
    const start = cell.lastIndex;
    const match = cell.exec(text);
    if (!match) throw new Error(`a quote is not closed, or stands inside a value, in line ${lineAt(text, start)}`);
    cells.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (match[3] === ',') continue;
    records.push(cells);
    cells = [];
  }
  return records;
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split(/\r\n|\n|\r/).length;
}
