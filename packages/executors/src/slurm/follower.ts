import type { CellJob, CellOutcome, ExecutorContext } from '@shield/core';
import { interrupted } from '../queue/wire.js';
import type { Absence } from './absence.js';
import type { ArrayFolder } from './array-folder.js';
import { accountedStates, queueStates, type TaskState } from './commands.js';
import { asShieldError } from './failures.js';
import { hopeless, isOver, outcomeOf } from './endings.js';

/** A cell from the sweep's hand to its outcome. */
export interface Task {
  readonly job: CellJob;
  readonly signal: AbortSignal;
  readonly settle: (outcome: CellOutcome) => void;
  readonly reject: (error: Error) => void;
  run: string | undefined;
  /** Once it is submitted. */
  place?: { readonly folder: ArrayFolder; readonly number: number };
  /** When its node began, ms since 1970. */
  began?: number;
  /** Looks at which it was over without having left a result. */
  missing: number;
}

/** So many: a network file system may show a file later than Slurm tells the end. */
const LOOKS = 2;
/** While tasks are told to stop. */
const HURRIED_SECONDS = 0.5;

/** Follows the tasks of array jobs: what they leave in the shared folder counts, Slurm is asked who left nothing. */
export class Follower {
  readonly #open = new Map<ArrayFolder, Set<Task>>();
  readonly #told = new Set<string>();
  #wake: () => void = () => undefined;
  #looking: Promise<void> | undefined;
  #closed = false;
  #seconds: number;

  constructor(
    seconds: number,
    private readonly context: ExecutorContext,
    private readonly absence: Absence,
  ) {
    this.#seconds = seconds;
  }

  follow(task: Task): void {
    const { folder } = task.place!;
    this.#open.set(folder, (this.#open.get(folder) ?? new Set()).add(task));
    this.#looking ??= this.#look();
  }

  hurry(): void {
    this.#seconds = Math.min(this.#seconds, HURRIED_SECONDS);
    this.#wake();
  }

  /** Nobody waits for it any more. */
  giveUp(task: Task): void {
    if (this.#open.get(task.place!.folder)?.has(task)) void this.#settle(task, interrupted(task.run));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    await this.#looking;
  }

  async #look(): Promise<void> {
    while (!this.#closed) {
      const states = await this.#states();
      for (const [folder, tasks] of this.#open)
        await this.#lookInto(folder, tasks, states).catch((error: Error) => this.#warnOnce(error.message));
      if (this.#closed) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000 * this.#seconds);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Undefined while Slurm cannot be asked. */
  async #states(): Promise<ReadonlyMap<string, TaskState> | undefined> {
    const jobs = [...this.#open.keys()].flatMap(({ job }) => (job === undefined ? [] : [job]));
    if (jobs.length === 0) return new Map();
    try {
      const states = await queueStates(jobs);
      this.absence.over();
      return states;
    } catch (error) {
      try {
        this.absence.goesOn((error as Error).message);
      } catch (end) {
        this.#abandon(end);
      }
      return undefined;
    }
  }

  /** Every task is left to itself, for a sweep that goes on with this one. */
  #abandon(why: unknown): void {
    for (const tasks of this.#open.values()) for (const { reject } of tasks) reject(asShieldError(why));
    this.#open.clear();
  }

  async #lookInto(folder: ArrayFolder, tasks: Set<Task>, states: ReadonlyMap<string, TaskState> | undefined) {
    const files = await folder.files();
    for (const task of tasks) {
      const { number } = task.place!;
      for (const { time, report } of await folder.reports(number, files)) {
        if (report.type === 'started') task.began ??= time;
        if (report.type === 'run') task.run = report.run;
        this.context.tell('cell' in report ? { ...report, cell: task.job.cell } : report);
      }
      const state = states?.get(nameOf(task));
      const why = state && hopeless(state);
      if (why)
        this.#warnOnce(
          `array job ${folder.job}: Slurm lets tasks wait (${why}), maybe for ever; squeue -j ${folder.job}`,
        );
      const outcome = await this.#verdict(task, await folder.outcome(number, files), states);
      if (outcome) await this.#settle(task, outcome);
    }
  }

  /** How the task ended; undefined while it has not, or while that is not certain. */
  async #verdict(
    task: Task,
    left: CellOutcome | undefined,
    states: ReadonlyMap<string, TaskState> | undefined,
  ): Promise<CellOutcome | undefined> {
    // Who told it to stop, or killed its process, Slurm knows: the time limit, somebody, the kernel for want of memory.
    const doubtful = left?.state === 'INTERRUPTED' || left?.error?.code === 'WORKER_LOST';
    if (left && (!doubtful || task.signal.aborted)) return left;
    let state = states?.get(nameOf(task));
    if (!states || (state && !isOver(state))) {
      task.missing = 0;
      return undefined;
    }
    if (++task.missing < LOOKS && !left) return undefined;
    if (task.signal.aborted) return interrupted(task.run);
    const { folder, number } = task.place!;
    if (!state && folder.job !== undefined) state = (await accountedStates(folder.job)).get(nameOf(task));
    const log = await folder.log(number);
    const seconds = left?.seconds ?? (task.began === undefined ? 0 : Math.max(0, (Date.now() - task.began) / 1000));
    const begun = task.began !== undefined;
    return outcomeOf({ name: nameOf(task), state, begun, log, left, run: left?.run ?? task.run, seconds });
  }

  async #settle(task: Task, outcome: CellOutcome): Promise<void> {
    const { folder, number } = task.place!;
    const tasks = this.#open.get(folder);
    if (!tasks?.delete(task)) return;
    if (tasks.size === 0) this.#open.delete(folder);
    await folder.collect(number).catch((error: Error) => this.#warnOnce(error.message));
    const { run } = task;
    task.settle(run === undefined || outcome.run !== undefined ? outcome : { ...outcome, run });
  }

  #warnOnce(message: string): void {
    if (this.#told.has(message)) return;
    this.#told.add(message);
    this.context.tell({ type: 'warn', message });
  }
}

function nameOf({ place }: Task): string {
  return `${place!.folder.job ?? '?'}_${place!.number}`;
}
