import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CellJob, CellOutcome, CellReport, Executor, SweepWork } from '../plugin/executor-contract.js';
import type { ExecutorPlugin } from '../plugin/define.js';
import { completeOptions, describedCases, type ConformanceCase, type OptionValues } from './conformance-case.js';

/** A sweep that the suite has carried out: real cells, planned by a program that has the executor's plugins. */
export interface ConformanceSweep {
  readonly work: SweepWork;
  /** Three or more that end COMPLETED, alike but for their seeds. */
  readonly jobs: readonly CellJob[];
  /** One whose dataset is empty: it fails, and the others do not. */
  readonly failing: CellJob;
  /** One that would take longer than anybody waits. */
  readonly endless: CellJob;
  /** What each of {@link jobs} gives where it is carried out in one process, seconds aside. */
  readonly expected: readonly Readonly<Record<string, number>>[];
  carryOut(job: CellJob, signal: AbortSignal, tell: (report: CellReport) => void): Promise<CellOutcome>;
  readonly program: string;
}

export interface ExecutorConformanceOptions {
  readonly options?: OptionValues;
  readonly sweep: () => Promise<ConformanceSweep>;
  /** Started before the executor is opened, for one whose workers are started by hand; ended after it is closed. */
  readonly workers?: (sweep: ConformanceSweep) => Promise<() => Promise<void>>;
  /** Within this an endless cell that is told to stop has stopped; default: 30 s. */
  readonly stopsWithinMs?: number;
}

/** What every executor must hold to, as cases for any test runner; use it as {@link attackConformance}. */
export function executorConformance(plugin: ExecutorPlugin, settings: ExecutorConformanceOptions): ConformanceCase[] {
  const { options = {}, workers, stopsWithinMs = 30_000 } = settings;
  const using = async (work: (opened: Opened) => Promise<void>): Promise<void> => {
    const sweep = await settings.sweep();
    const endWorkers = await workers?.(sweep);
    const reports: CellReport[] = [];
    const tell = (report: CellReport) => void reports.push(structuredClone(report));
    let executor: Executor | undefined;
    try {
      executor = await plugin.open(completeOptions(plugin, options), {
        work: structuredClone(sweep.work),
        program: sweep.program,
        carryOut: (job, signal) => sweep.carryOut(job, signal, tell),
        tell,
      });
      await work({ sweep, executor, reports });
    } finally {
      await executor?.close();
      await endWorkers?.();
    }
  };
  const never = new AbortController().signal;
  return [
    ...describedCases(plugin, options),
    {
      name: 'carries out every cell once, with the results of one process, and tells of it',
      run: () =>
        using(async ({ sweep, executor, reports }) => {
          assert.ok(executor.slots >= 1, 'it must take one cell at least');
          const outcomes = await inLanes(executor, sweep.jobs, never);
          for (const [i, outcome] of outcomes.entries()) {
            assert.equal(outcome.state, 'COMPLETED', JSON.stringify(outcome.error));
            assert.deepEqual(withoutSeconds(outcome.metrics!), withoutSeconds(sweep.expected[i]!));
            assert.ok(outcome.seconds >= 0);
            const { cell } = sweep.jobs[i]!;
            const told = (type: CellReport['type']) =>
              reports.filter((report) => report.type === type && report.cell === cell);
            assert.equal(told('started').length, 1, `cell ${cell} was begun ${told('started').length} times`);
            assert.deepEqual(
              told('run').map((report) => 'run' in report && report.run),
              [outcome.run],
            );
            assert.ok(told('progress').length > 0, `nothing was told of the progress of cell ${cell}`);
          }
          const runs = outcomes.map(({ run }) => run);
          assert.equal(new Set(runs).size, runs.length, 'two cells say that they are one run');
        }),
    },
    {
      name: 'a cell that fails says why, and the others go on',
      run: () =>
        using(async ({ sweep, executor }) => {
          const [failed, done] = await inLanes(executor, [sweep.failing, sweep.jobs[0]!], never);
          assert.equal(failed!.state, 'FAILED');
          assert.match(failed!.error!.code, /^[A-Z][A-Z_]+$/);
          assert.ok(failed!.error!.message.length > 0);
          assert.equal(done!.state, 'COMPLETED', JSON.stringify(done!.error));
        }),
    },
    {
      name: 'a cell that is planned with other code is refused',
      run: () =>
        using(async ({ sweep, executor }) => {
          const outcome = await executor.execute({ ...sweep.jobs[0]!, key: '0'.repeat(20) }, never);
          assert.equal(outcome.state, 'FAILED');
          assert.equal(outcome.error!.code, 'WORKER_DIFFERS');
        }),
    },
    {
      name: 'a cell that is told to stop ends as INTERRUPTED, soon, and leaves nothing running',
      run: () =>
        using(async ({ sweep, executor, reports }) => {
          const stopping = new AbortController();
          const outcome = executor.execute(sweep.endless, stopping.signal);
          while (!reports.some(({ type }) => type === 'progress')) await sleep(20);
          const since = performance.now();
          stopping.abort();
          assert.equal((await outcome).state, 'INTERRUPTED');
          assert.ok(performance.now() - since < stopsWithinMs, 'it took too long to stop');
          const next = await executor.execute(sweep.endless, stopping.signal);
          assert.equal(next.state, 'INTERRUPTED', 'a cell was begun after the sweep was told to stop');
        }),
    },
  ];
}

interface Opened {
  readonly sweep: ConformanceSweep;
  readonly executor: Executor;
  readonly reports: readonly CellReport[];
}

/** As many at once as the executor takes, as a sweep does. */
async function inLanes(executor: Executor, jobs: readonly CellJob[], signal: AbortSignal): Promise<CellOutcome[]> {
  const outcomes: CellOutcome[] = [];
  let next = 0;
  const lane = async () => {
    for (let i = next++; i < jobs.length; i = next++) outcomes[i] = await executor.execute(jobs[i]!, signal);
  };
  await Promise.all(Array.from({ length: Math.min(executor.slots, jobs.length) }, lane));
  return outcomes;
}

function withoutSeconds(metrics: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).filter(([key]) => !key.endsWith('seconds')));
}
