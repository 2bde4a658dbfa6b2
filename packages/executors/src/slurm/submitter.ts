import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutorContext } from '@shield/core';
import { interrupted } from '../queue/wire.js';
import type { Absence } from './absence.js';
import { ArrayFolder } from './array-folder.js';
import { SlurmFailure, cancel, findByName, submit } from './commands.js';
import { failure } from './failures.js';
import type { Task } from './follower.js';
import type { SlurmOptions } from './options.js';
import { batchScript, submitArguments } from './script.js';

/** Puts cells into array jobs. What is to be done is on the disk before Slurm hears of it, so that nothing is submitted twice. */
export class Submitter {
  /** Tasks that it is at. */
  readonly #at = new Set<Task>();

  constructor(
    private readonly options: SlurmOptions,
    private readonly context: ExecutorContext,
    private readonly place: { readonly parent: string; readonly largest: number },
    private readonly absence: Absence,
  ) {}

  has(task: Task): boolean {
    return this.#at.has(task);
  }

  /** @returns the tasks, each with its place, as they are submitted @throws EXECUTOR_REFUSED, EXECUTOR_UNREACHABLE, WRITE_FAILED */
  async *submit(tasks: readonly Task[]): AsyncGenerator<Task> {
    for (const task of tasks) this.#at.add(task);
    try {
      for (let i = 0; i < tasks.length; i += this.place.largest)
        yield* await this.#submitOne(tasks.slice(i, i + this.place.largest));
    } finally {
      for (const task of tasks) this.#at.delete(task);
    }
  }

  async #submitOne(all: readonly Task[]): Promise<Task[]> {
    const tasks = all.filter((task) => !this.#stopped(task));
    if (tasks.length === 0) return [];
    const { work, program } = this.context;
    const jobs = tasks.map(({ job }) => job);
    const folder = await ArrayFolder.create(this.place.parent, work, jobs, (path) =>
      batchScript(this.options, { folder: path, program, jobs }),
    );
    const id = await this.#sbatch(folder, tasks);
    if (id === undefined) {
      for (const task of tasks) this.#stopped(task);
      return [];
    }
    await folder.submitted(id);
    const cells = `${tasks.length} cell${tasks.length === 1 ? '' : 's'}`;
    this.context.tell({ type: 'log', message: `array job ${id} of Slurm: ${cells}` });
    return tasks.map((task, i) => Object.assign(task, { place: { folder, number: i + 1 } }));
  }

  /** @returns undefined where the sweep was told to stop before Slurm took it */
  async #sbatch(folder: ArrayFolder, tasks: readonly Task[]): Promise<string | undefined> {
    const { at_once, poll } = this.options;
    const args = submitArguments(folder.name, folder.path, { tasks: tasks.length, at_once });
    for (let first = true; ; first = false) {
      if (tasks.every(({ signal }) => signal.aborted)) {
        await folder.abandon();
        const id = first ? undefined : await findByName(folder.name).catch(() => undefined);
        if (id !== undefined) await cancel([id]).catch(() => undefined);
        return undefined;
      }
      try {
        // An sbatch that had no answer may have been heard all the same.
        const id = (first ? undefined : await findByName(folder.name)) ?? (await submit(args));
        this.absence.over();
        return id;
      } catch (error) {
        if (!(error instanceof SlurmFailure && error.kind === 'away')) {
          await folder.abandon();
          return failure(error);
        }
        this.#wait(error);
        await sleep(1000 * poll, undefined, { signal: tasks[0]!.signal }).catch(() => undefined);
      }
    }
  }

  /** @throws EXECUTOR_UNREACHABLE; the array job is found again, should Slurm have it */
  #wait({ message }: SlurmFailure): void {
    try {
      this.absence.goesOn(message);
    } catch (error) {
      failure(error);
    }
  }

  #stopped({ signal, settle, run }: Task): boolean {
    if (signal.aborted) settle(interrupted(run));
    return signal.aborted;
  }
}
