import type { ProgramOptions } from './program.js';
import type { RunResult } from '../execution/shield.js';
import type { Stage } from '../spec/resolved-spec.js';

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
}

export interface ResumeFlags extends OutputFlags {
  readonly run: string;
}

/** `shield run` */
export async function runCommand(options: ProgramOptions, flags: RunFlags): Promise<void> {
  const overrides = [...flags.overrides, ...flagOverrides(flags)];
  const shield = await openShield(options, flags);
  if (flags.dryRun) {
    const { printPlan } = await import('./dry-run.js');
    return printPlan(await shield.shield.load(flags.spec, overrides), shield.shield.registry, flags);
  }
  await present(shield, flags, () =>
    shield.shield.run(flags.spec, { overrides, commandLine: process.argv.slice(1), ownsProcess: true }),
  );
}

/** `shield resume` */
export async function resumeCommand(options: ProgramOptions, flags: ResumeFlags): Promise<void> {
  const shield = await openShield(options, flags);
  await present(shield, flags, () =>
    shield.shield.resume(flags.run, { commandLine: process.argv.slice(1), ownsProcess: true }),
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
  return { shield: createShield({ plugins: await options.plugins(), reporter }), reporter };
}

async function present(
  { reporter }: Awaited<ReturnType<typeof openShield>>,
  flags: OutputFlags,
  work: () => Promise<RunResult>,
): Promise<void> {
  const { RunInterrupted } = await import('../tracking/index.js');
  let result: RunResult;
  try {
    result = await work();
  } catch (error) {
    reporter.close();
    if (!(error instanceof RunInterrupted)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
    return;
  }
  reporter.close();
  if (flags.json) {
    const { run, spec, summary, metrics } = result;
    process.stdout.write(`${JSON.stringify({ run: run.id, path: run.path, spec, summary, metrics }, null, 2)}\n`);
    return;
  }
  const { relative } = await import('node:path');
  if (result.summary) {
    const { resultsTable } = await import('../report/results-table.js');
    const { spec } = result;
    const text = resultsTable(result.summary, {
      model: spec.model.use,
      dataset: spec.dataset.use,
      handover: spec.handover,
      top: spec.evaluate.top,
    });
    process.stdout.write(`\n${text}\n`);
  }
  process.stdout.write(`${relative(process.cwd(), result.run.path)}\n`);
}
