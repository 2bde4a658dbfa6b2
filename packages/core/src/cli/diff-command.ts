import { columns, shortNumber } from '../report/columns.js';
import { diffRuns, type Difference, type PathFlips, type RunDiff } from '../tracking/run-diff.js';
import { findRun } from '../tracking/find-run.js';
import type { Scalar } from '../tracking/flatten.js';
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
  section('spec', (all ? diff.spec : folded(diff.spec)).map(row), ['a', 'b'], [], [1, 2]);
  // What only one of them has of code belongs to a plugin that only one of them names.
  const provenance = diff.provenance.filter((each) => all || inBoth(each) || !each.key.startsWith('code.plugins.'));
  section('provenance', provenance.map(row), ['a', 'b'], [], [1, 2]);
  // Bounds of intervals go with what they are bounds of.
  const told = all ? diff.metrics : diff.metrics.filter(({ key }) => !/_(low|high)$/.test(key));
  const metrics = all ? told : told.filter(inBoth);
  const numbers = metrics.map(({ key, a, b }) => [
    key,
    cell(a),
    cell(b),
    a === undefined || b === undefined ? '' : signed(b - a),
  ]);
  section('metrics', numbers, ['a', 'b', 'b − a'], [1, 2, 3], [0]);
  const only = (side: 'a' | 'b') => told.filter((each) => !inBoth(each) && each[side] !== undefined).length;
  if (!all && only('a') + only('b') > 0)
    parts.push(`metrics only in a: ${only('a')}; only in b: ${only('b')} (--all lists them)\n`);
  const flipped = diff.flips.filter(({ becameWrong, becameRight }) => becameWrong + becameRight > 0);
  section(
    'verdicts',
    flipped.map(flipRow),
    ['images', 'wrong in b', 'right', 'p', 'for example'],
    [1, 2, 3, 4],
    [5, 0],
  );
  if (flipped.length > 0) parts.push('p: exact sign test over the images that changed (McNemar), for each row alone\n');
  const { onlyIn } = diff;
  if (onlyIn.a + onlyIn.b > 0) parts.push(`images only in a: ${onlyIn.a}; only in b: ${onlyIn.b}\n`);
  return parts.join('\n');
}

function inBoth({ a, b }: Difference): boolean {
  return a !== undefined && b !== undefined;
}

/** An attack or a defense that only one of two specs has is one row: its plugins stand for their options. */
function folded(differences: readonly Difference[]): Difference[] {
  const side = ({ a }: Difference) => (a === undefined ? 'b' : 'a');
  const placeOf = ({ key }: Difference) => /^(?:attacks|defenses)\.[^.]+/.exec(key)?.[0];
  const alone = new Set(
    differences
      .filter((each) => !inBoth(each) && each.key === `${placeOf(each)}.use`)
      .map((each) => `${side(each)} ${placeOf(each)}`),
  );
  return differences.flatMap((each): Difference[] => {
    const place = placeOf(each);
    // That the one has none at all is told by what the other has.
    if (each.key === 'attacks' || each.key === 'defenses') return [];
    if (place === undefined || inBoth(each)) return [each];
    if (each.key === place) return [{ key: place, a: chained(each.a), b: chained(each.b) }];
    if (!alone.has(`${side(each)} ${place}`)) return [each];
    return each.key === `${place}.use` ? [{ ...each, key: place }] : [];
  });
}

/** The plugins of a chain, which stands in the record as one text. */
function chained(value: Scalar | undefined): Scalar | undefined {
  if (typeof value !== 'string' || !value.startsWith('[{"use":')) return value;
  return (JSON.parse(value) as { use: string }[]).map(({ use }) => use).join(', ');
}

function row({ key, a, b }: Difference): string[] {
  return [key, cell(a), cell(b)];
}

function flipRow({ path, images, becameWrong, becameRight, p, examples }: PathFlips): string[] {
  const shown = examples.map(({ id }) => id).slice(0, 2);
  const more = becameWrong + becameRight > shown.length ? ', …' : '';
  return [
    path,
    String(images),
    String(becameWrong),
    String(becameRight),
    p < 0.001 ? '< 0.001' : p.toFixed(3),
    shown.join(', ') + more,
  ];
}

function cell(value: Difference['a']): string {
  if (value === undefined) return '–';
  if (typeof value === 'number') return shortNumber(value);
  return String(value);
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${shortNumber(value)}`;
}
