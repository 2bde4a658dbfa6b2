import type { Command } from 'commander';
import type { ProgramOptions } from './program.js';
import { RUN } from './run-argument.js';

/** Commands that read recorded runs. Each is loaded when it is called. */
export function addRecordCommands(program: Command, options: ProgramOptions): void {
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
    .option('--all', 'seconds too, which no two runs share, the bounds of intervals, and all that only one run has')
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
}
