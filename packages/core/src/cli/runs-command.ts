import { columns, shortNumber, shortTime } from '../report/columns.js';
import { answers, parseFilter, sortRuns, type Answers } from '../tracking/run-query.js';
import { listRuns, runsFolder } from '../tracking/runs-folder.js';
import { ShieldError } from '../errors/index.js';

export interface RunsFlags {
  readonly filter?: readonly string[];
  readonly sort?: string;
  readonly reverse?: boolean;
  readonly limit?: string;
  readonly json?: boolean;
}

/** `shield runs` */
export async function runsCommand(flags: RunsFlags): Promise<void> {
  const filters = (flags.filter ?? []).map(parseFilter);
  const limit = flags.limit === undefined ? undefined : wholeNumber(flags.limit);
  const all = await listRuns(runsFolder());
  const found = all.map(answers).filter((run) => filters.every(({ test }) => test(run)));
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
  } else process.stdout.write(table(shown, extra));
}

function table(runs: readonly Answers[], extra: readonly string[]): string {
  const rows = runs.map((each) => [
    each.run.id,
    each.run.state ?? '?',
    shortTime(each.run.createdAt),
    ...extra.map((key) => cell(each.value(key))),
  ]);
  return columns(
    [['run', 'state', 'begun (UTC)', ...extra], ...rows],
    extra.map((_, i) => i + 3),
  );
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
