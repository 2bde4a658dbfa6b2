import { setTimeout as sleep } from 'node:timers/promises';
import { ShieldError } from '../errors/index.js';
import { SweepView } from '../report/sweep-view.js';
import { SweepProgress } from '../sweep/progress.js';
import { readResults, resultsPath, shownValue } from '../sweep/results.js';
import { readSweepRecord, type SweepRecord } from '../sweep/sweep-record.js';
import { scanJournal, type JournalCursor } from '../tracking/journal-reader.js';
import { findRun } from '../tracking/find-run.js';
import { listRuns, runStatus, runsFolder, type Run, type RunStatus } from '../tracking/runs-folder.js';

export interface WatchFlags {
  /** Default: the sweep that is at work, else the latest. */
  readonly sweep?: string;
  /** Whether it is told how the sweep stands, and no more. */
  readonly once?: boolean;
  /** Whether what it found is printed as `shield sweep --json` prints it, and how it goes on standard error. */
  readonly json?: boolean;
}

const LOOK_EVERY_MS = 500;

/** `shield watch`: follows a sweep that goes on elsewhere, by its journal. Ending it ends nothing else. */
export async function watchCommand(flags: WatchFlags): Promise<void> {
  const run = await sweepToWatch(flags.sweep);
  const record = await readSweepRecord(run);
  const watched = new Watched(run, record, flags.json ? process.stderr : process.stdout);
  if (flags.once) {
    const status = await watched.catchUp();
    if (flags.json) return printJson(run, record).finally(() => watched.view.close());
    process.stdout.write(
      `${watched.view.lines(process.stdout.columns ?? 120).join('\n')}\n${run.id} ${status.state ?? ''}\n`,
    );
    return watched.view.close();
  }
  let status = await watched.catchUp();
  while (goesOn(status)) {
    await sleep(LOOK_EVERY_MS);
    status = await watched.catchUp();
  }
  watched.view.close();
  if (flags.json) await printJson(run, record);
  else {
    const { showSweep } = await import('./show-sweep.js');
    await showSweep(run, {});
  }
  if (status.state !== 'COMPLETED') process.exitCode = 1;
}

async function printJson(run: Run, record: SweepRecord): Promise<void> {
  const { printSweepJson } = await import('./sweep-json.js');
  const { cells, metric, goal } = record;
  const settings = { ...(metric === undefined ? {} : { metric }), goal };
  await printSweepJson(run, { cells, settings }, await readResults(resultsPath(run.path)));
}

function goesOn({ state }: RunStatus): boolean {
  return state === 'RUNNING' || state === 'QUEUED';
}

/** @throws RUN_NOT_FOUND where there is no sweep, RUN_NOT_RESUMABLE for a run that is none */
async function sweepToWatch(name: string | undefined): Promise<Run> {
  const folder = runsFolder();
  if (name !== undefined) return findRun(folder, name);
  const sweeps = (await listRuns(folder)).filter(({ kind }) => kind === 'sweep');
  const found = sweeps.findLast(goesOn) ?? sweeps.at(-1);
  if (found) return found;
  throw new ShieldError('RUN_NOT_FOUND', { id: 'sweep', folder, hint: '; no sweep was begun there' });
}

class Watched {
  readonly view: SweepView;
  readonly #progress: SweepProgress;
  #cursor: JournalCursor = { offset: 0, line: 0 };
  #first = true;

  constructor(
    private readonly run: Run,
    private readonly record: SweepRecord,
    stream: NodeJS.WriteStream,
  ) {
    this.#progress = new SweepProgress(record.cells.length);
    const { keys, cells } = record;
    const cell = (n: number) => {
      const params = cells[n - 1]?.params ?? {};
      return keys.flatMap((key) => (key in params ? [`${key}=${shownValue(params[key])}`] : [])).join(' ');
    };
    this.view = new SweepView(this.#progress, { stream, name: run.name, cell });
  }

  /** Reads what was journaled since. The state is asked for first: what is written before it is then read. */
  async catchUp(): Promise<RunStatus> {
    const status = await runStatus(this.run.path);
    // Past events are read without being shown, but for how the sweep stands after them.
    const shown = !this.#first;
    for await (const { entry, next } of scanJournal(this.run.files.journal, this.#cursor)) {
      this.#cursor = next;
      const time = Date.parse(entry.time);
      if (entry.type === 'state' && entry.state === 'RUNNING') await this.#begin(time);
      if (entry.type !== 'cell') continue;
      this.#progress.tell(entry, time);
      if (shown) this.view.tell(entry);
    }
    this.#first = false;
    return status;
  }

  /** Of a sweep that goes on, what was done before stands in its results. */
  async #begin(time: number): Promise<void> {
    const results = await readResults(resultsPath(this.run.path));
    for (const { cell, key } of this.record.cells) {
      const state = results.get(key)?.state;
      if (state !== undefined) this.#progress.add(cell, state);
    }
    this.#progress.begin(time);
  }
}
