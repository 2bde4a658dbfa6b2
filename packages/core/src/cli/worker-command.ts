import { ShieldError } from '../errors/index.js';
import { wrapFor } from '../report/wrap.js';
import { toPlain } from '../spec/tree.js';
import type { Plugin } from '../plugin/define.js';
import type { CollectedProvenance } from '../tracking/provenance.js';
import type { ProgramOptions } from './program.js';

export interface WorkerFlags {
  /** `key=value` */
  readonly options: readonly string[];
  readonly queue?: string;
  readonly executor: string;
  readonly slots: string;
  readonly threads?: string;
  readonly memory?: string;
  readonly hangAfter: string;
  readonly runs?: string;
  readonly inProcess?: boolean;
  readonly child?: boolean;
}

/** After its work a process may go on for so long. */
const LINGERS_MS = 1000;

/** `shield worker` */
export async function workerCommand(program: ProgramOptions, flags: WorkerFlags): Promise<void> {
  const plugins = await program.plugins();
  if (flags.child) {
    if (process.send === undefined)
      throw new ShieldError('CLI_USAGE', { reason: '--child is for processes that shield starts' });
    const { serveParent } = await import('../worker/child.js');
    return serveParent({ plugins, threads: count('threads', flags.threads ?? '0', 0) });
  }
  const [{ createShield }, worker, { hearSignals, EXIT_CODES }, tracking, { resolve }] = await Promise.all([
    import('../execution/shield.js'),
    import('../worker/index.js'),
    import('../tracking/signals.js'),
    import('../tracking/index.js'),
    import('node:path'),
  ]);
  const { registry } = createShield({ plugins });
  const plugin = registry.get('executor', flags.executor);
  if (!plugin.serve) {
    const reason = 'its workers are not started by hand';
    const expected = `run shield sweep SPEC --executor ${plugin.name}`;
    throw new ShieldError('EXECUTOR_UNUSABLE', { name: plugin.name, reason, expected });
  }
  const options = await executorOptions(plugin, flags);
  const slots = count('slots', flags.slots, 1);
  const share = worker.shareOf(flags.inProcess ? 1 : slots);
  const threads = count('threads', flags.threads ?? '0', 0) || share.threads;
  const memory = count('memory', flags.memory ?? '0', 0) || share.memory;
  const hangAfter = count('hang-after', flags.hangAfter, 0);
  const place = await tracking.collectPlace();
  const here = flags.inProcess ? new worker.SlotsHere(plugins, threads) : undefined;
  const stopping = new AbortController();
  const deaf = hearSignals({
    stop: (signal) => {
      process.exitCode = EXIT_CODES[signal];
      stopping.abort();
    },
    lastWords: () => undefined,
  });
  try {
    await plugin.serve(options, {
      slots,
      runsFolder: flags.runs === undefined ? undefined : resolve(flags.runs),
      ownRunsFolder: tracking.runsFolder(),
      startWorker: (given, name, tell) => {
        const captured = given.provenance as CollectedProvenance;
        const work = { ...given, provenance: tracking.provenanceAt(captured, place) };
        if (here) return here.start(work, name, tell);
        const script = program.program ?? process.argv[1]!;
        return worker.WorkerProcess.start({ program: script, work, name, threads, memory, hangAfter, tell });
      },
      signal: stopping.signal,
      say: (message) => void process.stderr.write(`${wrapFor(process.stderr, message)}\n`),
    });
  } finally {
    deaf();
    // What an executor could not close, such as a connection to what is away, does not keep the process.
    setTimeout(() => process.exit(), LINGERS_MS).unref();
  }
}

function count(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new ShieldError('CLI_USAGE', { reason: `--${flag} must be a whole number from ${least} (it is ${text})` });
}

/** The executor's options as typed, checked and completed as a spec's are. */
async function executorOptions(plugin: Plugin, { options, queue }: WorkerFlags): Promise<Record<string, unknown>> {
  const [{ parseOverride }, { optionsValidator }, { schemaErrors }, { fromPlain, COMMAND_LINE }, common, { throwAll }] =
    await Promise.all([
      import('../spec/override.js'),
      import('../spec/validators.js'),
      import('../spec/schema-errors.js'),
      import('../spec/tree.js'),
      import('../plugin/common-options.js'),
      import('../errors/index.js'),
    ]);
  const given: Record<string, unknown> = queue === undefined ? {} : { queue };
  for (const text of options) {
    const override = parseOverride(text);
    if ('value' in override) given[override.path.join('.')] = toPlain(override.value);
  }
  const validate = optionsValidator(plugin);
  const tree = fromPlain(given, COMMAND_LINE);
  if (!validate(given)) {
    const schema = common.fullOptionsSchema(plugin) as Parameters<typeof schemaErrors>[1]['schema'];
    throwAll(schemaErrors(validate.errors as Parameters<typeof schemaErrors>[0], { schema, tree, at: [] }));
  }
  return given;
}
