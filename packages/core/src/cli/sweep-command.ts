import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ShieldError } from '../errors/index.js';
import type { RecordedSweep } from '../execution/record-sweep.js';
import type { Shield } from '../execution/shield.js';
import { wrapFor } from '../report/wrap.js';
import type { LongWorkOptions } from '../sweep/long-work.js';
import type { SweepPlan } from '../sweep/plan.js';
import { readResults, resultsPath } from '../sweep/results.js';
import type { SweepAsked, SweepRecord } from '../sweep/sweep-record.js';
import type { Run } from '../tracking/runs-folder.js';
import { againCommand } from './failed-cells.js';
import { Planning, PlanningInterrupted } from './planning.js';
import type { ProgramOptions } from './program.js';
import { printOutcome } from './sweep-outcome.js';

export interface SweepFlags {
  readonly spec: string;
  readonly overrides: readonly string[];
  readonly multirun?: boolean;
  readonly dryRun?: boolean;
  readonly only?: 'failed' | 'missing';
  readonly rerun?: boolean;
  readonly yes?: boolean;
  /** In the place of `execution.use`. */
  readonly executor?: string;
  /** Whether it goes on in a process of its own. */
  readonly detach?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/**
 * `shield resume` of a sweep: with what was typed for it, from the same spec, by the same executor unless another one
 * is named.
 *
 * @throws RUN_NOT_RESUMABLE where that comes to other cells now
 */
export async function resumeSweep(
  options: ProgramOptions,
  run: Run,
  { json, quiet, executor }: Pick<SweepFlags, 'json' | 'quiet' | 'executor'>,
): Promise<void> {
  const { readSweepRecord } = await import('../sweep/sweep-record.js');
  const record = await readSweepRecord(run);
  const { spec, overrides: typed, multirun, executor: begunBy } = record;
  const output = { ...(json ? { json } : {}), ...(quiet ? { quiet } : {}) };
  // Another executor comes last, so that what was typed for the one before goes with it.
  const overrides = executor === undefined ? typed : [...typed, `execution.use=${executor}`];
  const by = begunBy === undefined ? {} : { executor: begunBy };
  const flags = { spec, overrides, multirun, yes: true, ...by, ...output };
  const executors = executor === undefined ? [] : [`execution.use=${executor}`];
  await sweepCommand(options, flags, { run, record, overrides: executors });
}

/** A sweep that is to go on. */
interface ResumedSweep {
  readonly run: Run;
  readonly record: SweepRecord;
  /** What is typed now, beside what was typed for it. */
  readonly overrides: readonly string[];
}

/** `shield sweep` */
export async function sweepCommand(options: ProgramOptions, flags: SweepFlags, resumed?: ResumedSweep): Promise<void> {
  const planning = new Planning();
  try {
    await planAndRun(options, flags, planning, resumed);
  } catch (error) {
    if (!(error instanceof PlanningInterrupted)) throw error;
    process.stderr.write(`${wrapFor(process.stderr, error.message)}\n`);
    process.exitCode = error.exitCode;
  } finally {
    planning.end();
  }
}

async function planAndRun(
  options: ProgramOptions,
  flags: SweepFlags,
  planning: Planning,
  resumed: ResumedSweep | undefined,
): Promise<void> {
  const [{ createShield }, { runsFolder }, { RunInterrupted }, { SweepConsole }] = await Promise.all([
    import('../execution/shield.js'),
    import('../tracking/runs-folder.js'),
    import('../tracking/endings.js'),
    import('./sweep-console.js'),
  ]);
  const { isDetached, detachSweep, outliveTerminal } = await import('./detach.js');
  // A detached one prints to a file that people read; shield watch --json gives what was asked for.
  const json = flags.json === true && !isDetached();
  const quiet = flags.quiet === true || json;
  const shown = new SweepConsole(quiet ? undefined : process.stderr);
  const program = options.program ?? process.argv[1];
  const { reporter } = shown;
  const shield = createShield({
    ...options,
    plugins: await options.plugins(),
    reporter,
    ...(program ? { program } : {}),
  });
  const { multirun = false, yes = false } = flags;
  const overrides = [...(flags.executor ? [`execution.use=${flags.executor}`] : []), ...flags.overrides];
  const { signal } = planning;
  const watched = { signal, progress: (done: number, of: number) => shown.planned(done, of) };
  let plan: SweepPlan;
  let recorded: SweepPlan | undefined;
  try {
    recorded = resumed && !existsSync(flags.spec) ? await fromRecord(shield, resumed, watched) : undefined;
    if (recorded) reporter.warn(`${flags.spec} is no longer there: the sweep goes on from what is on record`);
    plan = recorded ?? (await shield.plan(flags.spec, { overrides, multirun, many: yes, ...watched }));
  } finally {
    shown.endPlanning();
  }
  if (resumed && resumed.run.hash !== plan.hash) {
    const reason = 'its spec, or the code that carries it out, is another one by now';
    const expected = `shield sweep ${flags.spec} begins a sweep of what it is now; attacks that are the same are not computed again`;
    throw new ShieldError('RUN_NOT_RESUMABLE', { id: resumed.run.id, reason, expected });
  }
  if (flags.dryRun) {
    const { printSweepPlan } = await import('./sweep-dry-run.js');
    return printSweepPlan(plan, { registry: shield.registry, runsFolder: runsFolder(), json });
  }
  const again = recorded ? `shield resume ${resumed!.run.id}` : againCommand(flags.spec, flags);
  const done = flags.rerun ? undefined : await finished(plan, runsFolder());
  if (done) reporter.log('all of its cells are done: nothing is run (--rerun runs them again)');
  if (flags.detach && !done && !isDetached()) return detachSweep(plan, askedBy(flags), flags, signal);
  outliveTerminal();
  try {
    const ended =
      done ??
      (await shield.recordSweep(
        plan,
        askedBy(flags),
        again,
        async (sweep) => {
          // From here on the sweep's run hears them.
          planning.end();
          const { runSweep } = await import('../sweep/run-sweep.js');
          await shown.begin(plan, sweep);
          return runSweep(shield, plan, sweep, {
            commandLine: process.argv.slice(1),
            ...(flags.only ? { only: flags.only } : {}),
            rerun: flags.rerun === true,
            tell: (event) => shown.tell(event),
            reporter,
          });
        },
        signal,
      ));
    shown.close();
    await printOutcome(plan, ended, json);
    if (ended.failure) throw ended.failure;
  } catch (error) {
    shown.close();
    if (!(error instanceof RunInterrupted)) throw error;
    const told = `${error.message}; the same shield sweep goes on with the cells that are left`;
    process.stderr.write(`${wrapFor(process.stderr, told)}\n`);
    process.exitCode = error.exitCode;
  }
}

/** The plan of a sweep whose spec was moved or removed. */
async function fromRecord(
  shield: Shield,
  { run, record, overrides }: ResumedSweep,
  watched: LongWorkOptions,
): Promise<SweepPlan | undefined> {
  const { recordedPlan } = await import('../sweep/recorded-plan.js');
  return recordedPlan(shield, run, record, overrides, watched);
}

function askedBy({ spec, overrides, multirun = false, executor }: SweepFlags): SweepAsked {
  const by = executor === undefined ? {} : { executor };
  return { spec: resolve(spec), overrides, multirun, ...by, commandLine: process.argv.slice(1) };
}

/** A sweep of the same cells all of which are done: nothing is left to run. */
async function finished(plan: SweepPlan, runs: string): Promise<RecordedSweep | undefined> {
  const [{ findSweep }, { runState }] = await Promise.all([
    import('../sweep/sweep-record.js'),
    import('../tracking/runs-folder.js'),
  ]);
  const run = await findSweep(runs, plan);
  if (!run || (await runState(run.path)) !== 'COMPLETED') return undefined;
  return { run, results: await readResults(resultsPath(run.path)), failure: undefined };
}
