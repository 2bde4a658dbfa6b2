import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CodeRecord } from '../pipeline/code-digest.js';
import { columns, shortNumber } from '../report/columns.js';
import { readProvenance } from '../tracking/record-format.js';
import { compareImages, compareToday, type ImageComparison, type Today } from '../tracking/reproduction.js';
import { diffRuns, type RunDiff } from '../tracking/run-diff.js';
import { findRun } from '../tracking/find-run.js';
import { runsFolder, type Run } from '../tracking/runs-folder.js';
import type { ProgramOptions } from './program.js';

export interface ReproduceFlags {
  readonly run: string;
  readonly check?: boolean;
  readonly json?: boolean;
}

interface Outcome {
  readonly run: string;
  readonly images: ImageComparison;
  readonly diff: Pick<RunDiff, 'metrics' | 'flips'>;
}

/**
 * `shield reproduce`: says what is other today, runs it again without any artifact of before, and compares. The exit
 * code is 1 where a number is not the same to the last bit.
 */
export async function reproduceCommand(options: ProgramOptions, flags: ReproduceFlags): Promise<void> {
  const earlier = await findRun(runsFolder(), flags.run);
  const today = await compareToday(earlier, await codeToday(options, earlier));
  if (!flags.json) process.stdout.write(todayText(today));
  const outcome = flags.check ? undefined : await again(options, earlier, flags);
  if (flags.json) {
    const report = { of: earlier.id, today, ...(outcome ? { again: outcome } : {}) };
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } else if (outcome) process.stdout.write(`\n${outcomeText(outcome)}`);
  if (outcome && !isSame(outcome)) process.exitCode = 1;
}

/** undefined where a plugin of the run is no longer there, which running it again will say better. */
async function codeToday(options: ProgramOptions, run: Run): Promise<CodeRecord | undefined> {
  const [{ createShield }, { codeOf }] = await Promise.all([
    import('../execution/shield.js'),
    import('../pipeline/code-digest.js'),
  ]);
  const shield = createShield({ ...options, plugins: await options.plugins() });
  try {
    const { specDir } = await readProvenance(run);
    return codeOf((await shield.load(run.files.resolved, [], specDir)).resolved, shield.registry);
  } catch {
    return undefined;
  }
}

async function again(options: ProgramOptions, earlier: Run, flags: ReproduceFlags): Promise<Outcome> {
  const [{ createShield }, { TerminalReporter }] = await Promise.all([
    import('../execution/shield.js'),
    import('../report/terminal-reporter.js'),
  ]);
  const reporter = new TerminalReporter({ stream: process.stderr, quiet: flags.json === true });
  const program = options.program ?? process.argv[1];
  const plugins = await options.plugins();
  const shield = createShield({ ...options, plugins, reporter, ...(program ? { program } : {}) });
  // Beside the runs, where there is room for what they need; with shared artifacts nothing would be computed.
  const artifacts = await mkdtemp(join(runsFolder(), '.reproduced-'));
  try {
    const commandLine = process.argv.slice(1);
    const { run } = await shield.repeat(earlier.path, { artifacts, commandLine, ownsProcess: true });
    const [images, { metrics, flips }] = [await compareImages(earlier, run), await diffRuns(earlier, run)];
    return { run: run.id, images, diff: { metrics, flips } };
  } finally {
    reporter.close();
    await rm(artifacts, { recursive: true, force: true });
  }
}

function isSame({ images, diff }: Outcome): boolean {
  return images.identical === images.images && images.missing === 0 && diff.metrics.length === 0;
}

function todayText({ provenance, resources, resourcesCompared }: Today): string {
  const parts: string[] = [];
  if (provenance.length === 0) parts.push('code, software and machine: as recorded\n');
  else {
    const cell = (value: Today['provenance'][number]['a']) => (value === undefined ? '–' : String(value));
    const rows = provenance.map(({ key, a, b }) => [key, cell(a), cell(b)]);
    parts.push(columns([['other today', 'recorded', 'now'], ...rows], [], [1, 2]));
  }
  if (resources.length === 0)
    parts.push(`data: ${resourcesCompared === 1 ? '1 file' : `${resourcesCompared} files`} compared, as recorded\n`);
  for (const { path, now } of resources) parts.push(`data: ${path} ${now === undefined ? 'is gone' : 'has changed'}\n`);
  return parts.join('');
}

function outcomeText(outcome: Outcome): string {
  const { run, images, diff } = outcome;
  if (isSame(outcome)) {
    return `reproduced by ${run}: every metric and every number of ${images.images} images is the same\n`;
  }
  const parts = [`run again as ${run}: not the same\n`];
  parts.push(`${images.identical} of ${images.images} images are the same to the last bit\n`);
  if (images.where) {
    const { id, key } = images.where;
    parts.push(`largest relative difference ${shortNumber(images.largest)} (${key} of ${id})\n`);
  }
  if (images.missing > 0) parts.push(`${images.missing} images are in one of the runs only\n`);
  const flipped = diff.flips.reduce((sum, { becameWrong, becameRight }) => sum + becameWrong + becameRight, 0);
  const judged = diff.flips.reduce((sum, path) => sum + path.images, 0);
  parts.push(
    `${flipped} of ${judged} verdicts changed, ${diff.metrics.length} metrics differ: shield diff shows them\n`,
  );
  return parts.join('');
}
