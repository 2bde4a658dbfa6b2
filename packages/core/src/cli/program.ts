import { Command, CommanderError, Option } from 'commander';
import type { PluginPackage } from '../execution/plugin-package.js';
import { ShieldError } from '../errors/index.js';
import { exitCodeOf, formatError } from './print-error.js';

export interface ProgramOptions {
  /** The plugin packages that come with the program; called by commands that need plugins, never for help. */
  readonly plugins: () => Promise<readonly PluginPackage[]>;
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
    .helpOption('-h, --help', 'show help');

  program
    .command('run')
    .description('run a spec: attack, defend, evaluate (or train)')
    .argument('<spec>', 'YAML file')
    .argument('[overrides...]', OVERRIDES)
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
    .command('resume')
    .description('go on with a run that failed or was interrupted, from its last finished batch')
    .argument('<run>', RUN)
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
    .option('--all', 'seconds too, which no two runs share')
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

  const weights = program.command('weights').description('look into weights files');
  weights
    .command('inspect')
    .description('list the variables of a weights file: TensorFlow checkpoint, torch, safetensors')
    .argument('<file>', 'path; of a checkpoint of several files, the name that they begin with')
    .option('--json', 'print as JSON')
    .action(async (file: string, flags: object) => {
      const { inspectWeightsCommand } = await import('./weights-command.js');
      await inspectWeightsCommand({ file, ...flags });
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
