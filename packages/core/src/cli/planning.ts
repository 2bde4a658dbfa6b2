import { EXIT_CODES, hearSignals, type StopSignal } from '../tracking/signals.js';

/** The process was asked to stop before there was a run that could be gone on with. */
export class PlanningInterrupted extends Error {
  /** What the process should leave with. */
  readonly exitCode: number;

  constructor(signal: StopSignal) {
    super(`the sweep was stopped by ${signal} before its first cell; nothing was run, and nothing is left of it`);
    this.name = 'PlanningInterrupted';
    this.exitCode = EXIT_CODES[signal];
  }
}

/** Hears SIGINT and SIGTERM for as long as a sweep has no run that does. */
export class Planning {
  readonly #stopping = new AbortController();
  readonly end = hearSignals({
    stop: (signal) => this.#stopping.abort(new PlanningInterrupted(signal)),
    lastWords: () => undefined,
  });

  /** Aborted with a {@link PlanningInterrupted}. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }
}
