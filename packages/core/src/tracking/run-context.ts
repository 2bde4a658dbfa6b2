import type { RunEvent, Tracker } from './events.js';
import type { Run } from './runs-folder.js';

/** What the work of a run is given. */
export interface RunContext {
  readonly run: Run;
  /** Aborted, with a {@link RunInterrupted} as its reason, when the run is to stop. */
  readonly signal: AbortSignal;
  /** Journal first, then the trackers. @throws DISK_FULL, WRITE_FAILED */
  emit(event: RunEvent): Promise<void>;
  /** Lets signals, heartbeats and flushes through, then throws if the run is to stop. */
  checkpoint(): Promise<void>;
  /** Into the run's console.log, not to the terminal. */
  note(text: string): void;
}

export interface WithRunOptions {
  readonly trackers?: readonly Tracker[];
  /** Stops the run as a signal would. */
  readonly signal?: AbortSignal;
  /** Whether SIGINT and SIGTERM stop the run; default true. */
  readonly handleSignals?: boolean;
  /** Whether what the process prints goes to the run's console.log too; default true. */
  readonly captureConsole?: boolean;
  /** The run stops as TIMEOUT, at its next checkpoint, when it has worked for so long; default: no limit. */
  readonly timeLimitMs?: number;
  /** Default 10,000. */
  readonly heartbeatMs?: number;
  /** One line for the person; default: to stderr. */
  readonly warn?: (message: string) => void;
}
