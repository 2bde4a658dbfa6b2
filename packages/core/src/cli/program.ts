import { Command, CommanderError } from 'commander';
import type { PluginPackage } from '../execution/plugin-package.js';
import { ShieldError } from '../errors/index.js';
import { addExperimentCommands } from './experiment-commands.js';
import { addMaterialCommands } from './material-commands.js';
import { wrapFor } from '../report/wrap.js';
import { exitCodeOf, formatError } from './print-error.js';
import { addRecordCommands } from './record-commands.js';

export interface ProgramOptions {
  /** The plugin packages that come with the program; called by commands that need plugins, never for help. */
  readonly plugins: () => Promise<readonly PluginPackage[]>;
  /** What `--version` prints; default: no such option. */
  readonly version?: string;
  /** The script that worker processes are started by; default: the one that this process was started by. */
  readonly program?: string;
  /** Folders of config groups that come with it; what stands around a spec goes first. */
  readonly configFolders?: readonly string[];
}

export interface Program {
  parse(argv: readonly string[]): Promise<void>;
}

/**
 * The command line. Commands load what they do when they run: help starts at once, and the backend is loaded only by
 * what computes.
 */
export function createProgram(options: ProgramOptions): Program {
  const program = new Command('shield')
    .description('Adversarial-robustness experiments on image classifiers, declared in YAML')
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(`${wrapFor(process.stderr, formatError(usageError(text)))}\n`),
    })
    .showSuggestionAfterError(true)
    // Commander's 40 would leave long lists of options unwrapped at 80 columns.
    .configureHelp({ minWidthToWrap: 20 })
    .helpOption('-h, --help', 'show help');
  if (options.version !== undefined) program.version(options.version, '-V, --version', 'show the version');

  addExperimentCommands(program.commandsGroup('Experiments:'), options);
  addRecordCommands(program.commandsGroup('What they left:'), options);
  addMaterialCommands(program.commandsGroup('What they need:'), options);
  program.commandsGroup('Help:').helpCommand('help [command]', 'show the help of a command');

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
    process.stderr.write(`${wrapFor(process.stderr, formatError(error))}\n`);
    process.exitCode = exitCodeOf(error);
  }
}
