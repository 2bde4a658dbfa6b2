import { ShieldError } from '../errors/index.js';
import type { ProgramOptions } from './program.js';
import type { RunResult } from '../execution/shield.js';
import type { Stage } from '../spec/resolved-spec.js';
import { shortPath } from './short-path.js';

interface OutputFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export interface RunFlags extends OutputFlags {
  readonly spec: string;
  readonly overrides: readonly string[];
  readonly perform?: string;
  readonly backend?: string;
  readonly dryRun?: boolean;
  /** Whether `key=a,b` is swept. */
  readonly multirun?: boolean;
}

export interface ResumeFlags extends OutputFlags {
  readonly run: string;
  /** Of a sweep: in the place of the one that it was begun with. */
  readonly executor?: string;
}

/** `shield run` */
export async function runCommand(options: ProgramOptions, flags: RunFlags): Promise<void> {
  const { withMultirunNote } = await import('./multirun-note.js');
  return withMultirunNote(flags, () => runOrSweep(options, flags));
}

async function runOrSweep(options: ProgramOptions, flags: RunFlags): Promise<void> {
  const overrides = [...flags.overrides, ...flagOverrides(flags)];
  const shield = await openShield(options, flags);
  if (flags.multirun || (await shield.shield.sweeps(flags.spec, overrides))) {
    const { sweepCommand } = await import('./sweep-command.js');
    return sweepCommand(options, { ...flags, overrides });
  }
  if (flags.dryRun) {
    const { printPlan } = await import('./dry-run.js');
    return printPlan(await shield.shield.load(flags.spec, overrides), shield.shield.registry, flags);
  }
  await present(shield, flags, (report) =>
    shield.shield.run(flags.spec, { overrides, commandLine: process.argv.slice(1), ownsProcess: true, report }),
  );
}

/** `shield resume` */
export async function resumeCommand(options: ProgramOptions, flags: ResumeFlags): Promise<void> {
  const [{ findRun }, { runsFolder }] = await Promise.all([
    import('../tracking/find-run.js'),
    import('../tracking/runs-folder.js'),
  ]);
  const run = await findRun(runsFolder(), flags.run);
  if (run.kind === 'sweep') {
    const { resumeSweep } = await import('./sweep-command.js');
    return resumeSweep(options, run, flags);
  }
  if (flags.executor !== undefined) {
    const reason = 'executors carry out the cells of sweeps, and it is no sweep';
    throw new ShieldError('RUN_NOT_RESUMABLE', { id: run.id, reason, expected: 'leave --executor out' });
  }
  const shield = await openShield(options, flags);
  await present(shield, flags, (report) =>
    shield.shield.resume(flags.run, { commandLine: process.argv.slice(1), ownsProcess: true, report }),
  );
}

/** Flags that are keys of the spec go the way of every override, so that the record shows them. */
function flagOverrides({ perform, backend }: RunFlags): string[] {
  const stages = perform?.split(',').map((stage) => stage.trim()) as Stage[] | undefined;
  return [...(stages ? [`perform=[${stages.join(',')}]`] : []), ...(backend ? [`backend=${backend}`] : [])];
}

async function openShield(options: ProgramOptions, flags: OutputFlags) {
  const [{ createShield }, { TerminalReporter }] = await Promise.all([
    import('../execution/shield.js'),
    import('../report/terminal-reporter.js'),
  ]);
  // Progress goes to standard error, so that results can be piped.
  const reporter = new TerminalReporter({ stream: process.stderr, quiet: flags.quiet === true || flags.json === true });
  const program = options.program ?? process.argv[1];
  const plugins = await options.plugins();
  return { shield: createShield({ ...options, plugins, reporter, ...(program ? { program } : {}) }), reporter };
}

async function present(
  { reporter }: Awaited<ReturnType<typeof openShield>>,
  flags: OutputFlags,
  work: (report: (result: RunResult) => Promise<void>) => Promise<RunResult>,
): Promise<void> {
  const { RunInterrupted } = await import('../tracking/index.js');
  try {
    // While the run is on: the table is part of its console.log, and nobody waits for a tracking server to see it.
    const { run } = await work(async (result) => {
      reporter.close();
      await print(result, flags);
    });
    if (!flags.json) process.stdout.write(`${shortPath(run.path)}\n`);
  } catch (error) {
    reporter.close();
    if (!(error instanceof RunInterrupted)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
  }
}

async function print(result: RunResult, flags: OutputFlags): Promise<void> {
  const { run, spec, summary, metrics } = result;
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ run: run.id, path: run.path, spec, summary, metrics }, null, 2)}\n`);
    return;
  }
  if (!summary) return;
  const { runTable } = await import('../report/run-table.js');
  process.stdout.write(`\n${runTable(summary, spec)}\n`);
}
