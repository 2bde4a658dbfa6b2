import type { Accuracy } from '../pipeline/summary/accuracy.js';
import type { Summary } from '../pipeline/summary/summary.js';
import { percent, plainTable } from './plain-table.js';

const WIDTH = 80;
/** With fewer rows or columns the table of accuracies is seen at a glance itself. */
const LEAST = 3;

interface Column {
  readonly name: string;
  /** Accuracies by the name of the row. */
  readonly cells: ReadonlyMap<string, Accuracy>;
}

/**
 * Top-1 accuracies as papers print them: a row a defense, a column an attack, cut into tables of 80 columns. Nothing
 * where there are fewer than three attacks or three defenses, or no top-1.
 */
export function matrixTables(summary: Summary, handover: 'round' | 'truncate'): string[] {
  const attacks = Object.entries(summary.attacks).filter(([, { against }]) => !against);
  const defenses = Object.keys(summary.cleanDefended);
  if (attacks.length < LEAST || defenses.length < LEAST || !summary.clean.top['1']) return [];
  const bits = handover === 'round' ? 'rounded to 8 bits' : 'cut to 8 bits';
  const columns: Column[] = [
    { name: 'clean', cells: new Map([['none', summary.clean], ...Object.entries(summary.cleanDefended)]) },
    ...attacks.map(([name, attack]): Column => ({
      name,
      cells: new Map([
        ['none', attack.float],
        [bits, attack.rounded],
        ...Object.entries(attack.defenses).map(([defense, { accuracy }]) => [defense, accuracy] as const),
        ...Object.values(summary.attacks).flatMap(({ against, defenses: behind }) =>
          against?.attack === name ? [[adaptive(against.defense), behind[against.defense]!.accuracy] as const] : [],
        ),
      ]),
    })),
  ];
  const rows = ['none', bits, ...defenses.flatMap((name) => [name, adaptive(name)])].filter((row) =>
    columns.some(({ cells }) => cells.has(row)),
  );
  const title = 'top-1, %';
  const labels = Math.max(title.length, ...rows.map((row) => row.length));
  return inWidth(columns, WIDTH - labels).map((part) => {
    const table = plainTable([title, ...part.map(({ name }) => name)], ['left', ...part.map(() => 'right' as const)]);
    for (const row of rows) table.push([row, ...part.map(({ cells }) => cell(cells.get(row)))]);
    return table.toString();
  });
}

function adaptive(defense: string): string {
  return `${defense}, adaptive`;
}

function cell(accuracy: Accuracy | undefined): string {
  const share = accuracy?.top['1']?.share;
  return share === undefined ? '' : percent(share);
}

/** The columns, as many side by side as there is room for. */
function inWidth(columns: readonly Column[], room: number): Column[][] {
  const parts: Column[][] = [];
  let left = 0;
  for (const column of columns) {
    const width = 2 + Math.max('100.0'.length, column.name.length);
    if (parts.length === 0 || width > left) {
      parts.push([]);
      left = room;
    }
    parts.at(-1)!.push(column);
    left -= width;
  }
  return parts;
}
