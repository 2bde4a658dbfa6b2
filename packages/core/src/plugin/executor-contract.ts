import type { Static, TObject } from '@sinclair/typebox';
import type { Shard } from '../pipeline/shard.js';
import type { ArtifactEvent } from '../tracking/events.js';
import type { DefinitionBase } from './contracts.js';
import type { SharedStore } from './shared-store.js';

/*
 * What an executor is to core: where the cells of a sweep are carried out, and by how many at once. Which cells are
 * run, in what order, what is tried again and what a failure means is core's (sweep/run-sweep); an executor is handed
 * one attempt at one cell, has it carried out somewhere, and says how it ended.
 */

/** What all jobs of one sweep have in common. Plain JSON: it goes to other processes and machines as it is. */
export interface SweepWork {
  /** Of the sweep's run, in whose record its cells stand; the same for a sweep that goes on. */
  readonly id: string;
  /** The sweep's name and the path of its spec, as messages give them. */
  readonly name: string;
  readonly specPath: string;
  /** The spec as written, for the record of each run. */
  readonly specText: string;
  /** Folder that paths in the spec are relative to; absolute. */
  readonly specFolder: string;
  /** Folder that the cells' runs go to; absolute. The artifacts that they share lie in it. */
  readonly runsFolder: string;
  /** Folder of the artifacts, absolute, where it is another one. */
  readonly artifacts?: string;
  /** Where artifacts and runs are shared, for workers that do not see that folder: opened with `openStore`. */
  readonly store?: WorkStore;
  /** What the record says was typed. */
  readonly commandLine: readonly string[];
  /** What is recorded of code, software and machine, captured once; see `tracking/provenance`. */
  readonly provenance: unknown;
}

/** Without credentials: every machine has its own. */
export interface WorkStore {
  /** The executor whose store it is. */
  readonly executor: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** One attempt at one cell, or at a shard of one: a part of its batches. Plain JSON. */
export interface CellJob {
  /**
   * The same for whoever asks for the same attempt, and for nothing else in this work: letters, digits and hyphens. For
   * queues, file names and the like.
   */
  readonly id: string;
  /** From 1. */
  readonly cell: number;
  /**
   * The part of the cell's batches that are to be computed. Whoever carries that out leaves them in the artifacts, and has
   * no run and no metrics to tell of. Absent: the cell itself, which finds there what its shards left.
   */
  readonly shard?: Shard;
  /** Names the cell by its resolved spec and the code that carries it out: a worker whose key differs refuses. */
  readonly key: string;
  /** The resolved spec, as JSON, which is YAML too. */
  readonly spec: string;
  /** From 1. */
  readonly attempt: number;
  /** The run that an attempt before left unfinished, to go on with. */
  readonly resume?: string;
  /** Images a batch, where that is not the spec's: what an attempt before had no memory for. */
  readonly batch?: number;
  /** Threads of the backend where the spec leaves them open: all parts of a cell must have the same. */
  readonly threads?: number;
  /** Seconds that the cell may take, of its `execution.time_limit`; 0 for no limit. */
  readonly timeLimit: number;
}

/** How an attempt ended. */
export interface CellOutcome {
  /** INTERRUPTED: it was told to stop, and is neither done nor failed. */
  readonly state: 'COMPLETED' | 'FAILED' | 'TIMEOUT' | 'INTERRUPTED';
  /** The run's id, where there is a run. */
  readonly run?: string;
  /** Of a completed one. */
  readonly metrics?: Readonly<Record<string, number>>;
  /** Of any other: a code of the table of errors, and what it says. */
  readonly error?: { readonly code: string; readonly message: string; readonly fix?: string };
  /** That the cell was worked on. */
  readonly seconds: number;
}

/** What an executor tells while it works. */
export type CellReport =
  /** A worker has begun. `worker`: a short name, the same for all cells of one worker: `1`, `host/4711`. */
  | { readonly type: 'started'; readonly cell: number; readonly shard?: Shard; readonly worker: string }
  /** The cell's run has its directory. */
  | { readonly type: 'run'; readonly cell: number; readonly run: string }
  | {
      readonly type: 'progress';
      readonly cell: number;
      readonly shard?: Shard;
      /** "attack", "evaluate", …, and what it works on. */
      readonly stage: string;
      readonly name: string;
      /** Images finished, of so many where that is known. `ended`: the stage is over. */
      readonly done: number;
      readonly of?: number;
      readonly note?: string;
      readonly ended?: boolean;
    }
  /** A line for people; without a cell, one about the executor itself. */
  | { readonly type: 'log' | 'warn'; readonly cell?: number; readonly shard?: Shard; readonly message: string }
  /** A shard works with an artifact, which no run refers to before the cell itself does. */
  | { readonly type: 'artifact'; readonly cell: number; readonly artifact: ArtifactEvent };

/** What a sweep tells: an executor's reports, and what becomes of the cells. */
export type SweepEvent =
  | CellReport
  /** Handed to the executor; `attempt` from 1. */
  | { readonly type: 'queued'; readonly cell: number; readonly shard?: Shard; readonly attempt: number }
  /** An attempt failed of what may pass; the next one, `attempt`, begins after so many seconds. */
  | {
      readonly type: 'retry';
      readonly cell: number;
      readonly shard?: Shard;
      readonly attempt: number;
      readonly outcome: CellOutcome;
      readonly seconds: number;
      /** For people: how it differs from the one before. */
      readonly note: string;
    }
  /** The last word on the cell, or on one of its shards. */
  | {
      readonly type: 'ended';
      readonly cell: number;
      readonly shard?: Shard;
      readonly attempt: number;
      readonly outcome: CellOutcome;
    };

export interface ExecutorContext {
  readonly work: SweepWork;
  /**
   * How a worker process is started: `node PROGRAM worker …`. It has the plugins that this program has. Undefined in a
   * program that did not say.
   */
  readonly program: string | undefined;
  /** Carries a job out in this process. Never rejects; stops at its next checkpoint when the signal is aborted. */
  carryOut(job: CellJob, signal: AbortSignal): Promise<CellOutcome>;
  tell(report: CellReport): void;
}

/** Where the cells of one sweep are carried out. */
export interface Executor {
  /** Attempts that are handed over at once, at most; `Infinity` for one that keeps a queue of its own. */
  readonly slots: number;
  /**
   * Has one attempt carried out, of a cell or of a shard, and tells `started` when a worker begins. What becomes of the cell is what it
   * resolves to, a worker that died or hangs included (WORKER_LOST); it rejects only where no other cell can be
   * carried out either.
   *
   * @param signal aborted when the sweep is to stop: the attempt then ends as INTERRUPTED, soon
   */
  execute(job: CellJob, signal: AbortSignal): Promise<CellOutcome>;
  /**
   * Attempts that are carried out at the same time, as far as is known now, for one whose `slots` do not tell; asked
   * where a spec says `shards: auto`.
   */
  workers?(): Promise<number>;
  /** Ends what it started. Called once, when nothing is being carried out any more. */
  close(): Promise<void>;
}

/** Named in a spec under `execution`: `{ use: local, workers: 2 }`. None of it is part of a cell's hash. */
export interface ExecutorDefinition<S extends TObject = TObject> extends DefinitionBase<S> {
  /** @throws a ShieldError where it cannot be used at all: nothing has been run then */
  open(options: Static<S>, context: ExecutorContext): Promise<Executor> | Executor;
  /**
   * For executors whose workers are started by hand, on any machine (`shield worker`): carries out what comes until the
   * signal is aborted.
   */
  serve?(options: Static<S>, context: ServeContext): Promise<void>;
  /** Opens what machines without a common folder share, of {@link SweepWork.store}. */
  openStore?(options: WorkStore['options']): Promise<SharedStore>;
}

export interface ServeContext {
  /** Cells that are carried out at once, each in a process of its own. */
  readonly slots: number;
  /** The folder of runs, absolute, where it is another here than where the sweep was started. */
  readonly runsFolder: string | undefined;
  /** That of this machine, for works that share no folder. */
  readonly ownRunsFolder: string;
  /** Starts a process that carries out cells of this work, one at a time. */
  startWorker(work: SweepWork, name: string, tell: (report: CellReport) => void): CellWorker;
  readonly signal: AbortSignal;
  /** A line for people. */
  say(message: string): void;
}

/** A watched process that carries out cells: one that dies, hangs or takes too much is ended, and the outcome says so. */
export interface CellWorker {
  /** Whether it can be given another cell. */
  readonly usable: boolean;
  /** Never rejects. */
  execute(job: CellJob, signal: AbortSignal): Promise<CellOutcome>;
  end(): Promise<void>;
}
