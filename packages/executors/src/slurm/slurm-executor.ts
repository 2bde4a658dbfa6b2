import { join } from 'node:path';
import { ShieldError, type CellJob, type CellOutcome, type Executor, type ExecutorContext } from '@shield/core';
import { interrupted } from '../queue/wire.js';
import { Absence } from './absence.js';
import { ArrayFolder } from './array-folder.js';
import { cancel, findByName, largestArray } from './commands.js';
import { failure, refusal } from './failures.js';
import { Follower, type Task } from './follower.js';
import type { SlurmOptions } from './options.js';
import { Submitter } from './submitter.js';

/** Cells that come within this go into one array job. */
const GATHER_MS = 250;
/** A cell that was told to stop is waited for so long. */
const STOP_WITHIN_MS = 25_000;

/** @throws EXECUTOR_UNUSABLE, EXECUTOR_UNREACHABLE */
export async function openSlurm(options: SlurmOptions, context: ExecutorContext): Promise<Executor> {
  if (!options.command && context.program === undefined) {
    const reason = 'this program did not say how a worker is started';
    const expected = 'name the command that does: execution.command, for example npx shield';
    throw new ShieldError('EXECUTOR_UNUSABLE', { name: 'slurm', reason, expected });
  }
  const parent = join(context.work.runsFolder, context.work.id, 'slurm');
  const largest = await largestArray().catch(failure);
  if (largest < 1) throw refusal('this cluster has no array jobs (MaxArraySize)');
  const left = await ofBefore(parent).catch(failure);
  const absence = new Absence(options.patience, context);
  const submitter = new Submitter(options, context, { parent, largest }, absence);
  const follower = new Follower(options.poll, context, absence);
  return new SlurmExecutor(options, context, submitter, follower, left);
}

/** A task of a sweep that was killed, whose outcome nobody has. */
interface LeftTask {
  readonly folder: ArrayFolder;
  readonly number: number;
}

/** By what they are attempts at. */
async function ofBefore(parent: string): Promise<Map<string, LeftTask>> {
  const left = new Map<string, LeftTask>();
  for (const folder of await ArrayFolder.left(parent)) {
    // Killed between sbatch and the note of it: Slurm knows the name, or the tasks have left something.
    if (folder.job === undefined) {
      const job = await findByName(folder.name);
      if (job !== undefined) await folder.submitted(job);
      else if (![...(await folder.files())].some((name) => name.startsWith('task-'))) {
        await folder.abandon();
        continue;
      }
    }
    for (const [i, job] of folder.jobs.entries())
      if (!folder.collected.has(i + 1)) left.set(partOf(job), { folder, number: i + 1 });
  }
  return left;
}

/** What a job is an attempt at: a cell, or one of its shards. */
function partOf({ key, shard }: CellJob): string {
  return shard ? `${key} ${shard.index}/${shard.of}` : key;
}

class SlurmExecutor implements Executor {
  readonly slots: number;
  #gathered: Task[] = [];
  #timer: NodeJS.Timeout | undefined;
  #stopping: Task[] = [];
  #cancelled: Promise<unknown> = Promise.resolve();
  #submitted: Promise<unknown> = Promise.resolve();
  #found = 0;

  constructor(
    private readonly options: SlurmOptions,
    private readonly context: ExecutorContext,
    private readonly submitter: Submitter,
    private readonly follower: Follower,
    private readonly left: Map<string, LeftTask>,
  ) {
    this.slots = options.queued || Infinity;
  }

  async execute(job: CellJob, signal: AbortSignal): Promise<CellOutcome> {
    if (signal.aborted) return interrupted();
    let stop: () => void = () => undefined;
    try {
      return await new Promise<CellOutcome>((settle, reject) => {
        const task: Task = { job, signal, settle, reject, run: job.resume, missing: 0 };
        stop = () => this.#stop(task);
        signal.addEventListener('abort', stop, { once: true });
        if (!this.#adopt(task)) this.#gathered.push(task);
        this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS);
      });
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Tasks that Slurm runs at once, where it is told how many. */
  workers(): Promise<number> {
    return Promise.resolve(this.options.at_once || 1);
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.allSettled([this.#submitted, this.#cancelled]);
    await this.follower.close();
  }

  /** The task of a sweep that was killed goes on, or has ended meanwhile. */
  #adopt(task: Task): boolean {
    const { job } = task;
    const there = this.left.get(partOf(job));
    if (!there) return false;
    this.left.delete(partOf(job));
    const { folder, number } = there;
    // With another batch it would compute something else than what is asked.
    if (folder.jobs[number - 1]!.batch !== job.batch) {
      if (folder.job !== undefined) this.#cancel([`${folder.job}_${number}`]);
      return false;
    }
    this.#found++;
    this.follower.follow(Object.assign(task, { place: there }));
    return true;
  }

  #flush(): void {
    this.#timer = undefined;
    if (this.#found > 0) {
      const many = `${this.#found} cell${this.#found === 1 ? '' : 's'}`;
      this.context.tell({ type: 'log', message: `${many} found again in array jobs that were submitted before` });
      this.#found = 0;
    }
    const tasks = this.#gathered;
    this.#gathered = [];
    if (tasks.length === 0) return;
    this.#submitted = Promise.all([this.#submitted, this.#submit(tasks)]);
  }

  async #submit(tasks: readonly Task[]): Promise<void> {
    try {
      for await (const each of this.submitter.submit(tasks)) {
        this.follower.follow(each);
        // It was told to stop while sbatch was at work.
        if (each.signal.aborted) this.#stop(each);
      }
    } catch (error) {
      for (const task of tasks) if (!task.place) task.reject(error as Error);
    }
  }

  #stop(task: Task): void {
    const { place } = task;
    if (!place) {
      this.#gathered = this.#gathered.filter((each) => each !== task);
      if (!this.submitter.has(task)) task.settle(interrupted(task.run));
      return;
    }
    if (this.#stopping.length === 0) queueMicrotask(() => this.#cancelStopping());
    this.#stopping.push(task);
    setTimeout(() => this.follower.giveUp(task), STOP_WITHIN_MS).unref();
  }

  /** All that stop at the same time with one command. */
  #cancelStopping(): void {
    const ids = this.#stopping.flatMap(({ place }) =>
      place?.folder.job ? [`${place.folder.job}_${place.number}`] : [],
    );
    this.#stopping = [];
    this.#cancel(ids);
    this.follower.hurry();
  }

  #cancel(ids: readonly string[]): void {
    const cancelled = cancel(ids).catch((error: unknown) => {
      const message = `tasks of Slurm could not be cancelled (${(error as Error).message}); they go on: scancel ${ids.join(' ')}`;
      this.context.tell({ type: 'warn', message });
    });
    this.#cancelled = Promise.all([this.#cancelled, cancelled]);
  }
}
