import { Option, type Command } from 'commander';
import type { ProgramOptions } from './program.js';
import { RUN } from './run-argument.js';
import type { WorkerFlags } from './worker-command.js';

const BACKENDS = ['auto', 'node-gpu', 'node', 'webgpu', 'wasm', 'cpu'];
const OVERRIDES = 'key=value, +key=value (new key), ~key (remove); model=NAME picks a config group';

/** Commands that check specs and carry them out. Each is loaded when it is called. */
export function addExperimentCommands(program: Command, options: ProgramOptions): void {
  program
    .command('run')
    .description('run a spec: attack, defend, evaluate (or train)')
    .argument('<spec>', 'YAML file')
    .argument('[overrides...]', OVERRIDES)
    .option('-m, --multirun', 'sweep keys of the command line: key=a,b (see shield sweep)')
    .option('--perform <stages>', 'only these stages: attack, defend, evaluate, train (comma between)')
    .addOption(new Option('--backend <name>', 'tfjs backend').choices(BACKENDS))
    .option('--dry-run', 'print the resolved spec, the plan and what it costs; run nothing')
    .option('--json', 'print the result as JSON')
    .option('-q, --quiet', 'print the results only')
    .action(async (spec: string, overrides: string[], flags: object) => {
      const { runCommand } = await import('./run-command.js');
      await runCommand(options, { spec, overrides, ...flags });
    });

  program
    .command('sweep')
    .description("run every cell of a spec's sweep; those that are done are not run again")
    .argument('<spec>', 'YAML file')
    .argument('[overrides...]', `${OVERRIDES}; with -m also key=a,b and key=range(1,9,2), which are swept`)
    .option('-m, --multirun', 'sweep keys of the command line, as Hydra does')
    .option('--dry-run', 'list the cells, what they share and what it costs; run nothing')
    .addOption(
      new Option('--only <which>', 'only the cells that failed, or that never ran').choices(['failed', 'missing']),
    )
    .option('--rerun', 'also run the cells that are done')
    .option('-d, --detach', 'in a process of its own, which outlives this terminal (see shield watch)')
    .option('--executor <name>', 'who carries out the cells: inline, or what the plugins bring')
    .option('--yes', 'allow more than a hundred thousand cells')
    .option('--json', 'print the results as JSON')
    .option('-q, --quiet', 'print the results only')
    .action(async (spec: string, overrides: string[], flags: object) => {
      const { sweepCommand } = await import('./sweep-command.js');
      const { withMultirunNote } = await import('./multirun-note.js');
      await withMultirunNote({ overrides, ...flags }, () => sweepCommand(options, { spec, overrides, ...flags }));
    });

  program
    .command('watch')
    .description('follow a sweep that goes on elsewhere, to its end')
    .argument('[sweep]', 'as a run is named; default: the one at work, else the latest')
    .option('--once', 'tell how it stands now, and no more')
    .option('--json', 'print the results as shield sweep --json does; how it goes stands on standard error')
    .action(async (sweep: string | undefined, flags: object) => {
      const { watchCommand } = await import('./watch-command.js');
      await watchCommand({ ...(sweep === undefined ? {} : { sweep }), ...flags });
    });

  program
    .command('worker')
    .description('carry out cells of sweeps that others queue, until it is stopped')
    .argument('[options...]', 'key=value: options of the executor, such as redis=redis://host:6379')
    .option('--queue <name>', 'the queue that it takes cells from')
    .option('--executor <name>', 'whose worker it is', 'bullmq')
    .option('--slots <number>', 'cells at once, each in a process of its own', '1')
    .option('--threads <number>', 'threads of each, where a spec leaves them open; default: its share of the cores')
    .option('--memory <MiB>', 'that each may have; default: its share of 80 % of the machine')
    .option('--hang-after <seconds>', 'without a sign of life, after which one is ended', '300')
    .option('--in-process', 'slots in the process itself, unwatched: for cells that wait more than they compute')
    .option('--runs <folder>', 'the shared folder of runs, where it lies elsewhere than for the sweep')
    .addOption(new Option('--child', 'serve the process that started this one').hideHelp())
    .action(async (given: string[], flags: Omit<WorkerFlags, 'options'>) => {
      const { workerCommand } = await import('./worker-command.js');
      await workerCommand(options, { options: given, ...flags });
    });

  program
    .command('resume')
    .description('go on with a run that failed or was interrupted, from its last finished batch')
    .argument('<run>', RUN)
    .option('--executor <name>', 'of a sweep: another one than it was started with')
    .option('--json', 'print the result as JSON')
    .option('-q, --quiet', 'print the results only')
    .action(async (run: string, flags: object) => {
      const { resumeCommand } = await import('./run-command.js');
      await resumeCommand(options, { run, ...flags });
    });

  program
    .command('validate')
    .description('check specs without running them')
    .argument('<specs...>', 'YAML files; overrides may follow')
    .option('--json', 'print what is found as JSON')
    .action(async (specs: string[], flags: object) => {
      const { validateCommand } = await import('./validate-command.js');
      await validateCommand(options, { specs, ...flags });
    });

  program
    .command('plugins')
    .description('list the plugins, or the options of one with their units and defaults')
    .argument('[name]', 'plugin name, or kind:name')
    .option('--load <file>', 'also those of a file or package, as a spec names it; repeatable', appended)
    .option('--json', 'print as JSON')
    .option('--schema', 'print the JSON Schema of specs that use them, for editors')
    .action(async (name: string | undefined, flags: object) => {
      const { pluginsCommand } = await import('./plugins-command.js');
      await pluginsCommand(options, { name, ...flags });
    });
}

/** Of an option that may be given several times. */
function appended(each: string, before: readonly string[] = []): readonly string[] {
  return [...before, each];
}
