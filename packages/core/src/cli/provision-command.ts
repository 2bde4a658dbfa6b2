import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { didYouMean, ShieldError } from '../errors/index.js';
import type { ProvisionedSplit, Split } from '../plugin/contracts.js';
import type { ProgramOptions } from './program.js';
import { shortPath } from './short-path.js';

export interface ProvisionFlags {
  readonly name: string;
  readonly rawData?: string;
  readonly output: string;
  readonly split?: Split;
  readonly trainShards?: string;
  readonly validationShards?: string;
  readonly provisionOnly?: boolean;
  readonly download?: string;
  readonly subset?: boolean;
  readonly check?: boolean;
  readonly boundingBoxes?: readonly string[];
  readonly workers?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `validation-00000-of-99999`: five digits. */
const MOST_SHARDS = 99_999;
const MOST_WORKERS = 1024;

/** `shield data provision`: the files that a data set reads, made of what was published. */
export async function provisionCommand(options: ProgramOptions, flags: ProvisionFlags): Promise<void> {
  const [{ createShield }, { TerminalReporter }, { EXIT_CODES, hearSignals }] = await Promise.all([
    import('../execution/shield.js'),
    import('../report/terminal-reporter.js'),
    import('../tracking/signals.js'),
  ]);
  const { name, download, provisionOnly = false } = flags;
  if (download !== undefined && provisionOnly) {
    throw new ShieldError('CLI_USAGE', { reason: '--provision-only downloads nothing: leave out --download' });
  }
  const { registry } = createShield({ plugins: await options.plugins() });
  const datasets = registry.list('dataset').filter((dataset) => dataset.provision);
  const dataset = datasets.find((each) => each.name === name);
  if (!dataset?.provision) {
    const known = datasets.map((each) => each.name);
    throw new ShieldError('PROVISION_UNKNOWN', { name, known: known.join(', '), hint: didYouMean(name, known) });
  }
  const train = whole('--train-shards', flags.trainShards, MOST_SHARDS);
  const validation = whole('--validation-shards', flags.validationShards, MOST_SHARDS);
  const workers = whole('--workers', flags.workers, MOST_WORKERS) ?? availableParallelism();
  const output = resolve(flags.output);
  const rawData = flags.rawData === undefined ? join(output, 'raw_data') : resolve(flags.rawData);
  const quiet = flags.quiet === true || flags.json === true;
  const reporter = new TerminalReporter({ stream: process.stderr, quiet });
  const stopped = new AbortController();
  const forget = hearSignals({
    stop: (signal) => {
      process.exitCode = EXIT_CODES[signal];
      stopped.abort();
    },
    lastWords: () => undefined,
  });
  try {
    const made = await dataset.provision(
      {
        rawData,
        output,
        ...(flags.split === undefined ? {} : { split: flags.split }),
        shards: { ...(train === undefined ? {} : { train }), ...(validation === undefined ? {} : { validation }) },
        provisionOnly,
        ...(download === undefined ? {} : { download }),
        subset: flags.subset === true,
        check: flags.check === true,
        boundingBoxes: (flags.boundingBoxes ?? []).map((path) => resolve(path)),
        workers,
      },
      { reporter, signal: stopped.signal },
    );
    reporter.close();
    const text = flags.json ? JSON.stringify(made, undefined, 2) : made.map(line).join('\n');
    process.stdout.write(`${text}\n`);
  } catch (error) {
    reporter.close();
    if (!stopped.signal.aborted) throw error;
    process.stderr.write('stopped; the shards that are done stand, and the same command goes on with the others\n');
  } finally {
    forget();
  }
}

function line({ split, folder, images, shards, kept, bytes, seconds }: ProvisionedSplit): string {
  const size = bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
  const before = kept > 0 ? `, ${kept} of them from before` : '';
  const where = shortPath(folder);
  const count = images.toLocaleString('en');
  return `${split}: ${count} images in ${shards} shards${before}, ${size}, ${seconds.toFixed(1)} s: ${where}`;
}

function whole(flag: string, text: string | undefined, most: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= most) return number;
  throw new ShieldError('CLI_USAGE', { reason: `${flag} wants a whole number from 1 to ${most}, not "${text}"` });
}
