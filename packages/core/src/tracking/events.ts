/** What a run says of itself, in the order it happened. The journal holds these; trackers are fed from it. */
export type RunState = 'QUEUED' | 'RUNNING' | 'COMPLETED' | 'FAILED' | 'INTERRUPTED' | 'TIMEOUT';

/**
 * As people are told. DEAD is a run that says RUNNING while no living process works on it: it can be resumed. SUPERSEDED
 * is a finished run of a cell whose sweep counts another one.
 */
export type ReportedState = RunState | 'DEAD' | 'SUPERSEDED';

export type RunEvent =
  | { readonly type: 'state'; readonly state: RunState; readonly error?: RecordedError }
  /** Resident memory now, and the most so far in this process; bytes. */
  | { readonly type: 'heartbeat'; readonly rss: number; readonly peak?: number }
  | {
      readonly type: 'stage';
      readonly stage: string;
      readonly name: string;
      readonly phase: 'start' | 'end' | 'reused';
      readonly seconds?: number;
    }
  | {
      readonly type: 'batch';
      readonly stage: string;
      readonly name: string;
      readonly batch: number;
      readonly done: number;
      readonly of: number;
      /** Tensors alive afterwards: the same batch by batch, or something leaks. */
      readonly tensors?: number;
    }
  | { readonly type: 'metric'; readonly key: string; readonly value: number; readonly step?: number }
  | { readonly type: 'param'; readonly key: string; readonly value: string }
  | ArtifactEvent
  | { readonly type: 'resource'; readonly path: string; readonly sha256?: string }
  | CellEvent
  | ShardEvent
  | { readonly type: 'log'; readonly level: 'info' | 'warn'; readonly message: string };

/** An artifact that the run refers to. */
export interface ArtifactEvent {
  readonly type: 'artifact';
  readonly kind: string;
  readonly key: string;
  readonly path: string;
  /** Of attacked images the attack, of defended ones the defense, as the spec names them. */
  readonly name?: string;
  /** Of defended images: the attack that they are of, or "clean". */
  readonly of?: string;
}

/** What becomes of a shard of a run, which other processes carry out for it. */
export interface ShardEvent {
  readonly type: 'shard';
  /** From 1, of so many. */
  readonly shard: number;
  readonly shards: number;
  readonly phase: 'started' | 'retry' | 'ended';
  readonly worker?: string;
  readonly state?: RunState;
  readonly seconds?: number;
  readonly error?: RecordedError;
}

/** What becomes of a cell, in the journal of its sweep. */
export interface CellEvent {
  readonly type: 'cell';
  /** From 1. */
  readonly cell: number;
  /** Where it is one of its shards, `2/5`. */
  readonly shard?: string;
  readonly phase: 'queued' | 'started' | 'progress' | 'retry' | 'ended';
  /** Who carries it out. */
  readonly worker?: string;
  /** Its run. */
  readonly run?: string;
  /** Of progress: the stage, what it works on, and images done. */
  readonly stage?: string;
  readonly name?: string;
  readonly done?: number;
  readonly of?: number;
  /** How it ended. */
  readonly state?: RunState;
  readonly seconds?: number;
  readonly error?: RecordedError;
}

export interface RecordedError {
  readonly code: string;
  readonly message: string;
  readonly fix?: string;
  /** Of an error that was not foreseen or that wraps another; it never reaches the terminal. */
  readonly stack?: string;
}

/** What the journal says of itself. */
export type JournalNote =
  | { readonly type: 'journal'; readonly version: number }
  /** The end of the file was damaged and cut off when the journal was opened again. */
  | { readonly type: 'repair'; readonly bytes: number; readonly text: string };

/** An event as the journal holds it: numbered from 0 without gaps, with the wall clock (ISO 8601, ms, UTC). */
export type JournalEntry = { readonly seq: number; readonly time: string } & (RunEvent | JournalNote);

/** An entry that trackers are given: what happened in the run, numbered and dated. */
export type RecordedEvent = Extract<JournalEntry, { readonly type: RunEvent['type'] }>;

/** Receives the events of one run, in order, after the journal has them. What it throws never hurts the run. */
export interface Tracker {
  /** For the one warning that a failing tracker gets. */
  readonly name?: string;
  event(event: RecordedEvent): void | Promise<void>;
  /** Called when the run ends, whatever its end. */
  close?(): void | Promise<void>;
}
