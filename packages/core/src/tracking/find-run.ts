import { resolve, sep } from 'node:path';
import { ShieldError, didYouMean } from '../errors/index.js';
import { leftByRun, openRun, recordsIn, type Run } from './runs-folder.js';

/**
 * @param name a run's id, any beginning of it, its last six characters, the path of its directory, or `latest`, which is no cell of
 *   a sweep: the sweep stands for it
 * @throws RUN_NOT_FOUND with the nearest names, or with all that an ambiguous one could mean; RUN_FORMAT
 */
export async function findRun(runsDir: string, name: string): Promise<Run> {
  if (name.includes('/') || name.includes(sep)) return openRun(name);
  const exact = resolve(runsDir, name);
  if (!/^\.*$/.test(name) && leftByRun(exact)) return openRun(exact);
  const { runs } = recordsIn(runsDir);
  const found = name === 'latest' ? latest(runs) : name === '' ? [] : runs.filter(({ id }) => fits(id, name));
  if (found.length === 1) return openRun(found[0]!.path);
  throw new ShieldError('RUN_NOT_FOUND', { id: name, folder: resolve(runsDir), hint: hint(name, runs, found) });
}

/** Characters at the end of an id, drawn at random, by which a run may be named. */
const SUFFIX = 6;

/** A cell whose sweep is not here stands for itself. */
function latest(runs: readonly Run[]): Run[] {
  const ids = new Set(runs.map(({ id }) => id));
  return runs.filter(({ sweep }) => sweep === undefined || !ids.has(sweep)).slice(-1);
}

function fits(id: string, name: string): boolean {
  return id.startsWith(name) || (name.length === SUFFIX && id.endsWith(`-${name}`));
}

function hint(name: string, runs: readonly Run[], found: readonly Run[]): string {
  if (runs.length === 0) return '; there are no runs there yet';
  const some = (list: readonly Run[]) =>
    list
      .slice(-3)
      .map(({ id }) => `"${id}"`)
      .join(', ');
  if (found.length > 1) return `; ${found.length} begin so, among them ${some(found)}`;
  // By the whole id, its beginning or its end, as runs are named.
  const names = ({ id }: Run) => [id, id.slice(0, name.length), id.slice(-SUFFIX)];
  const close = didYouMean(name, runs.flatMap(names));
  const whole = runs.findLast((run) => names(run).some((each) => close.includes(`"${each}"`)));
  return whole ? `; did you mean "${whole.id}"?` : `; the latest are ${some(runs)}`;
}
