import { basename } from 'node:path';
import { columns, shortNumber, shortTime } from '../report/columns.js';
import { wrap } from '../report/wrap.js';
import { answers, parseFilter, sortRuns, type Answers } from '../tracking/run-query.js';
import { runsFolder, surveyRuns, type ListedRun } from '../tracking/runs-folder.js';
import { ShieldError } from '../errors/index.js';

export interface RunsFlags {
  readonly filter?: readonly string[];
  readonly sort?: string;
  readonly reverse?: boolean;
  readonly limit?: string;
  /** Whether the cells of sweeps are listed too. */
  readonly cells?: boolean;
  readonly json?: boolean;
}

/** `shield runs` */
export async function runsCommand(flags: RunsFlags): Promise<void> {
  const filters = (flags.filter ?? []).map(parseFilter);
  const limit = flags.limit === undefined ? undefined : wholeNumber(flags.limit);
  const { runs: all, unreadable } = await surveyRuns(runsFolder());
  const asks = filters.length > 0 || flags.sort !== undefined;
  const apart = flags.cells === true || asks || flags.json === true;
  const found = (apart ? all : withoutCells(all)).map(answers).filter((run) => filters.every(({ test }) => test(run)));
  const sorted = flags.sort === undefined ? found : sortRuns(found, flags.sort);
  if (flags.reverse) sorted.reverse();
  // Without an order of their own the newest count, and they stand last.
  const shown =
    limit === undefined ? sorted : flags.sort === undefined ? sorted.slice(-limit || Infinity) : sorted.slice(0, limit);
  const asked = [...filters.map(({ key }) => key), ...(flags.sort === undefined ? [] : [flags.sort])];
  const extra = [...new Set(asked)].filter((key) => !['state', 'id', 'created'].includes(key));
  if (flags.json) {
    const list = shown.map((each) => ({
      ...each.run,
      values: Object.fromEntries(extra.map((key) => [key, each.value(key)])),
    }));
    process.stdout.write(`${JSON.stringify(list, null, 2)}\n`);
  } else if (shown.length === 0) {
    process.stdout.write(
      all.length === 0 ? `no runs in ${runsFolder()}\n` : `none of ${all.length} runs is like that\n`,
    );
  } else process.stdout.write(table(asks ? shown : grouped(shown), extra, cellsOf(all)));
  if (unreadable.length > 0) process.stderr.write(wrap(notListed(unreadable), 80) + '\n');
}

/** Else they would seem lost. */
function notListed(paths: readonly string[]): string {
  const names = paths.slice(0, 3).map((path) => basename(path));
  const more = paths.length > names.length ? ` and ${paths.length - names.length} more` : '';
  const records = paths.length === 1 ? 'its record' : 'their records';
  return `not listed: ${names.join(', ')}${more}; ${records} cannot be read (shield show ${names[0]} says why)`;
}

/** A sweep stands for its cells; those of a sweep that is not here stand for themselves. */
function withoutCells(runs: readonly ListedRun[]): readonly ListedRun[] {
  const sweeps = new Set(runs.filter(({ kind }) => kind === 'sweep').map(({ id }) => id));
  return runs.filter(({ sweep }) => sweep === undefined || !sweeps.has(sweep));
}

/** Cells below their sweep. */
function grouped(runs: readonly Answers[]): readonly Answers[] {
  const cells = new Map<string, Answers[]>();
  const sweeps = new Set(runs.map(({ run }) => run.id));
  const others: Answers[] = [];
  for (const each of runs) {
    const { sweep } = each.run;
    if (sweep === undefined || !sweeps.has(sweep)) others.push(each);
    else cells.set(sweep, [...(cells.get(sweep) ?? []), each]);
  }
  return others.flatMap((each) => [each, ...(cells.get(each.run.id) ?? [])]);
}

/** How the cells of each sweep stand: `sweep of 16 cells`, `1 FAILED, 2 RUNNING of 16 cells`, `4 of 16 cells` have a run. */
function cellsOf(runs: readonly ListedRun[]): ReadonlyMap<string, string> {
  const states = new Map(runs.flatMap(({ id, kind }) => (kind === 'sweep' ? [[id, new Map<number, string>()]] : [])));
  for (const { sweep, cell, state = '?' } of runs) {
    if (sweep === undefined || cell === undefined || state === 'SUPERSEDED') continue;
    // The latest run of a cell counts.
    states.get(sweep)?.set(cell, state);
  }
  return new Map(runs.flatMap(({ id, cells }) => (states.has(id) ? [[id, standing(states.get(id)!, cells)]] : [])));
}

/** @param of how many cells there are, where that is known; what may be cut off stands last */
function standing(states: ReadonlyMap<number, string>, of = states.size): string {
  const counts = new Map<string, number>();
  for (const state of states.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
  counts.delete('COMPLETED');
  const apart = [...counts].sort(([a], [b]) => rank(a) - rank(b)).map(([state, n]) => `${n} ${state}`);
  const begun = states.size < of ? `${states.size}` : 'sweep';
  return `${apart.join(', ') || begun} of ${of} cell${of === 1 ? '' : 's'}`;
}

/** What failed counts most. */
function rank(state: string): number {
  return ['FAILED', 'TIMEOUT', 'DEAD', 'INTERRUPTED', 'RUNNING'].indexOf(state) + 1 || Infinity;
}

function table(runs: readonly Answers[], extra: readonly string[], cells: ReadonlyMap<string, string>): string {
  const what = ({ id, kind, cell, reproduces, commandLine }: ListedRun) => {
    if (kind === 'sweep') return cells.get(id) ?? 'sweep';
    if (cell !== undefined) return `cell ${cell}`;
    // With columns of their own there is no room for it.
    if (extra.length > 0) return '';
    return reproduces === undefined ? asked(commandLine) : `reproduces ${reproduces.slice(-6)}`;
  };
  const told = runs.some(({ run }) => what(run) !== '');
  const rows = runs.map((each) => [
    each.run.id,
    each.run.state ?? '?',
    shortTime(each.run.createdAt),
    ...extra.map((key) => cell(each.value(key))),
    ...(told ? [what(each.run)] : []),
  ]);
  return columns(
    [['run', 'state', 'begun (UTC)', ...extra, ...(told ? ['what'] : [])], ...rows],
    extra.map((_, i) => i + 3),
    told ? [3 + extra.length] : [],
  );
}

/** Of a command line what tells the run from others of its spec. */
function asked([, , ...words]: readonly string[]): string {
  const flags = /^--(perform|backend)$/;
  return words
    .filter((word, i) => /^[^-][^ ]*=|^~/s.test(word) || flags.test(word) || flags.test(words[i - 1] ?? ''))
    .join(' ');
}

function cell(value: unknown): string {
  if (value === undefined) return '–';
  if (typeof value === 'number') return shortNumber(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function wholeNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new ShieldError('CLI_USAGE', { reason: `--limit takes a whole number, not "${text}"` });
}
