import { columns, shortNumber } from '../report/columns.js';
import { diffRuns, type Difference, type PathFlips, type RunDiff } from '../tracking/run-diff.js';
import { findRun } from '../tracking/find-run.js';
import { runsFolder } from '../tracking/runs-folder.js';

export interface DiffFlags {
  readonly a: string;
  readonly b: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

/** `shield diff` */
export async function diffCommand(flags: DiffFlags): Promise<void> {
  const [a, b] = [await findRun(runsFolder(), flags.a), await findRun(runsFolder(), flags.b)];
  const diff = await diffRuns(a, b, flags.all);
  const names = { a: a.id, b: b.id };
  process.stdout.write(
    flags.json ? `${JSON.stringify({ ...names, ...diff }, null, 2)}\n` : text(diff, names, flags.all === true),
  );
}

function text(diff: RunDiff, names: { readonly a: string; readonly b: string }, all: boolean): string {
  const parts = [`a: ${names.a}\nb: ${names.b}\n`];
  const section = (
    title: string,
    rows: readonly (readonly string[])[],
    head: readonly string[],
    right: number[],
    cut: number[],
  ) => {
    if (rows.length === 0) parts.push(`${title}: the same\n`);
    else parts.push(columns([[title, ...head], ...rows], right, cut));
  };
  section('spec', diff.spec.map(row), ['a', 'b'], [], [1, 2]);
  section('provenance', diff.provenance.map(row), ['a', 'b'], [], [1, 2]);
  // Bounds of intervals go with what they are bounds of.
  const metrics = all ? diff.metrics : diff.metrics.filter(({ key }) => !/_(low|high)$/.test(key));
  const numbers = metrics.map(({ key, a, b }) => [
    key,
    cell(a),
    cell(b),
    a === undefined || b === undefined ? '' : signed(b - a),
  ]);
  section('metrics', numbers, ['a', 'b', 'b − a'], [1, 2, 3], [0]);
  const flipped = diff.flips.filter(({ becameWrong, becameRight }) => becameWrong + becameRight > 0);
  section('verdicts', flipped.map(flipRow), ['images', 'wrong in b', 'right in b', 'for example'], [1, 2, 3], [4, 0]);
  const { onlyIn } = diff;
  if (onlyIn.a + onlyIn.b > 0) parts.push(`images only in a: ${onlyIn.a}; only in b: ${onlyIn.b}\n`);
  return parts.join('\n');
}

function row({ key, a, b }: Difference): string[] {
  return [key, cell(a), cell(b)];
}

function flipRow({ path, images, becameWrong, becameRight, examples }: PathFlips): string[] {
  const shown = examples.map(({ id }) => id).slice(0, 2);
  const more = becameWrong + becameRight > shown.length ? ', …' : '';
  return [path, String(images), String(becameWrong), String(becameRight), shown.join(', ') + more];
}

function cell(value: Difference['a']): string {
  if (value === undefined) return '–';
  if (typeof value === 'number') return shortNumber(value);
  return String(value);
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${shortNumber(value)}`;
}
