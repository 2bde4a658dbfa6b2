import { ShieldError, ShieldErrors } from '../errors/index.js';
import type { RecordedError } from './events.js';
import type { RunRecord } from './runs-folder.js';
import { EXIT_CODES, type StopSignal } from './signals.js';

/** The run was asked to stop, and its state says so: no fault, but no result either. */
export class RunInterrupted extends Error {
  /** What the process should leave with. */
  readonly exitCode: number;

  constructor(
    readonly run: string,
    readonly signal: StopSignal | undefined,
  ) {
    super(`the run ${run} was stopped${signal ? ` by ${signal}` : ''}; shield resume ${run} goes on with it`);
    this.name = 'RunInterrupted';
    this.exitCode = signal ? EXIT_CODES[signal] : 1;
  }
}

/** As {@link RunInterrupted}, since its time was up: the state is TIMEOUT. */
export class RunTimedOut extends RunInterrupted {
  /** @param run of a cell its sweep says how to go on */
  constructor({ id, cell }: Pick<RunRecord, 'id' | 'cell'>, seconds: number) {
    super(id, undefined);
    const what = cell === undefined ? `the run ${id}` : `cell ${cell}`;
    const next = cell === undefined ? `shield resume ${id} goes on with it` : 'its finished batches stand';
    this.message = `${what} was stopped after ${seconds} s, its limit; ${next}`;
    this.name = 'RunTimedOut';
  }
}

export function isWriteError(error: unknown): boolean {
  return error instanceof ShieldError && (error.code === 'DISK_FULL' || error.code === 'WRITE_FAILED');
}

export function recordInterrupt(interrupted: RunInterrupted): RecordedError {
  if (interrupted instanceof RunTimedOut) return { code: 'TIMEOUT', message: interrupted.message };
  if (interrupted.signal) return recordSignal(interrupted.signal);
  return { code: 'ABORTED', message: 'stopped by the program' };
}

export function recordSignal(signal: StopSignal): RecordedError {
  return { code: signal, message: `stopped by ${signal}` };
}

/** @param shown what people see; @param thrown what it was made of */
export function recordError(shown: unknown, thrown: unknown): RecordedError {
  if (shown instanceof ShieldErrors) return { code: shown.errors[0]!.code, message: shown.message };
  const { code, message, fix } = shown as ShieldError;
  // An error that was foreseen says all; one that was not, or that wraps another, is for whoever mends the program.
  const unforeseen = thrown instanceof Error && (shown !== thrown || thrown.cause instanceof Error);
  return { code, message, fix, ...(unforeseen ? { stack: stackOf(thrown) } : {}) };
}

/** With the errors that caused it: their stacks name the line that went wrong. */
function stackOf(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by: ${stackOf(error.cause)}` : own;
}
