import { appendFile, open, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  makeFolder,
  systemCode,
  writeAtomically,
  type CellJob,
  type CellOutcome,
  type CellReport,
  type SweepWork,
} from '@shield/core';
import { decodeOutcome, encodeOutcome } from '../queue/wire.js';

/** A report of a task, with the time of its node. */
export interface TimedReport {
  /** ms since 1970. */
  readonly time: number;
  readonly report: CellReport;
}

/** End of a task's output that is read where it left no result. */
const LOG_READ = 8192;
const ABANDONED = 'abandoned';

const outcomeFile = (task: number) => `task-${task}.outcome.json`;
const reportsFile = (task: number) => `task-${task}.events.jsonl`;

/**
 * One array job as files, in the sweep's directory on the shared folder: what it is to do, and what came of it. The
 * tasks write, the sweep reads; a file that is there is whole.
 *
 * `array.json`, `jobs.jsonl`: the work and a job for each task, from 1; `script.sh`; `submitted.json`: the number that
 * Slurm gave; `task-N.log`, `task-N.events.jsonl`, `task-N.outcome.json`; `collected`: tasks whose outcome the sweep has.
 */
export class ArrayFolder {
  /** Slurm's number of it, once it is submitted. */
  job: string | undefined;
  readonly #read = new Map<number, number>();

  private constructor(
    readonly path: string,
    /** What Slurm calls it. */
    readonly name: string,
    readonly jobs: readonly CellJob[],
    readonly collected: Set<number>,
  ) {}

  /** @param parent `slurm` in the sweep's directory @throws what the system says */
  static async create(parent: string, work: SweepWork, jobs: readonly CellJob[], script: (folder: string) => string) {
    await makeFolder(parent);
    const numbers = (await readdir(parent)).map(Number).filter(Number.isInteger);
    const number = Math.max(0, ...numbers) + 1;
    const path = join(parent, String(number));
    await makeFolder(path);
    const name = `shield-${work.id.replaceAll(/[^\w.-]+/g, '-')}-${number}`;
    await writeFile(join(path, 'jobs.jsonl'), jobs.map((job) => `${JSON.stringify(job)}\n`).join(''), { flush: true });
    await writeFile(join(path, 'script.sh'), script(path), { mode: 0o755, flush: true });
    await writeAtomically(join(path, 'array.json'), JSON.stringify({ name, work }));
    return new ArrayFolder(path, name, jobs, new Set());
  }

  /** Those that were left, the oldest first; one that was not written to its end was never submitted. */
  static async left(parent: string): Promise<ArrayFolder[]> {
    const names = await readdir(parent).catch(() => []);
    const numbers = names.map(Number).filter(Number.isInteger);
    const folders = numbers.sort((a, b) => a - b).map((number) => ArrayFolder.#open(join(parent, String(number))));
    return (await Promise.all(folders)).filter((folder) => folder !== undefined);
  }

  static async #open(path: string): Promise<ArrayFolder | undefined> {
    const [array, jobs, submitted, collected, abandoned] = await Promise.all(
      ['array.json', 'jobs.jsonl', 'submitted.json', 'collected', ABANDONED].map((name) => textOf(join(path, name))),
    );
    if (array === undefined || jobs === undefined || abandoned !== undefined) return undefined;
    const { name } = JSON.parse(array) as { name: string };
    const folder = new ArrayFolder(
      path,
      name,
      jobs
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as CellJob),
      new Set(numbersIn(collected)),
    );
    if (submitted !== undefined) folder.job = (JSON.parse(submitted) as { job: string }).job;
    return folder;
  }

  async submitted(job: string): Promise<void> {
    this.job = job;
    await writeAtomically(join(this.path, 'submitted.json'), JSON.stringify({ job }));
  }

  /** Its tasks do nothing, should Slurm know them all the same. */
  async abandon(): Promise<void> {
    await writeFile(join(this.path, ABANDONED), '');
  }

  async collect(task: number): Promise<void> {
    this.collected.add(task);
    await appendFile(join(this.path, 'collected'), `${task}\n`);
  }

  /** Names of the files that are there. A network file system is asked anew by this: open files it may remember. */
  async files(): Promise<ReadonlySet<string>> {
    return new Set(await readdir(this.path));
  }

  async outcome(task: number, files: ReadonlySet<string>): Promise<CellOutcome | undefined> {
    if (!files.has(outcomeFile(task))) return undefined;
    const text = await textOf(join(this.path, outcomeFile(task)));
    return text === undefined ? undefined : decodeOutcome(JSON.parse(text));
  }

  /** What a task told since this was asked last. */
  async reports(task: number, files: ReadonlySet<string>): Promise<TimedReport[]> {
    if (!files.has(reportsFile(task))) return [];
    const from = this.#read.get(task) ?? 0;
    const bytes = await bytesFrom(join(this.path, reportsFile(task)), from);
    const whole = bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
    this.#read.set(task, from + whole.length);
    return linesOf(whole.toString('utf8'));
  }

  /** The end of what a task, and Slurm about it, printed. */
  async log(task: number): Promise<string> {
    const text = (await textOf(join(this.path, `task-${task}.log`))) ?? '';
    return text.slice(-LOG_READ);
  }
}

/** A task's own view of its folder. */
export class TaskFiles {
  #told = Promise.resolve();

  private constructor(
    private readonly path: string,
    private readonly task: number,
    readonly work: SweepWork,
    /** Goes on with the run of a start before, where Slurm started the task again. */
    readonly job: CellJob,
  ) {}

  /** @returns undefined where there is nothing to do (any more) @throws what the system says where the folder is not there */
  static async open(path: string, task: number): Promise<TaskFiles | undefined> {
    const [array, jobs] = await Promise.all(
      ['array.json', 'jobs.jsonl'].map((name) => readFile(join(path, name), 'utf8')),
    );
    const files = new Set(await readdir(path));
    if (files.has(ABANDONED) || files.has(outcomeFile(task))) return undefined;
    const { work } = JSON.parse(array!) as { work: SweepWork };
    const job = JSON.parse(jobs!.split('\n')[task - 1]!) as CellJob;
    const before = linesOf((await textOf(join(path, reportsFile(task)))) ?? '');
    const run = before.map(({ report }) => (report.type === 'run' ? report.run : undefined)).findLast(Boolean);
    return new TaskFiles(path, task, work, run === undefined ? job : { ...job, resume: run });
  }

  /** In the order in which they are given; what cannot be written is no reason to stop. */
  tell(report: CellReport): void {
    const line = `${JSON.stringify({ time: Date.now(), report } satisfies TimedReport)}\n`;
    this.#told = this.#told
      .then(() => appendFile(join(this.path, reportsFile(this.task)), line))
      .catch(() => undefined);
  }

  /** The last word. @throws DISK_FULL, WRITE_FAILED */
  async ended(outcome: CellOutcome): Promise<void> {
    await this.#told;
    await writeAtomically(join(this.path, outcomeFile(this.task)), JSON.stringify(encodeOutcome(outcome)));
  }
}

/** A line that a kill tore off is none. */
function linesOf(text: string): TimedReport[] {
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as TimedReport];
    } catch {
      return [];
    }
  });
}

function numbersIn(text = ''): number[] {
  return text.split('\n').filter(Boolean).map(Number);
}

/** @throws all that is not ENOENT */
async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function bytesFrom(path: string, from: number): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.max(0, size - from)), 0, undefined, from);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
