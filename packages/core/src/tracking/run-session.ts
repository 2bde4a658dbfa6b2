import { ShieldError, ShieldErrors, outOfMemory, reasonOf } from '../errors/index.js';
import { ConsoleLog } from './console-log.js';
import { EventBus } from './event-bus.js';
import { RunInterrupted, RunTimedOut, isWriteError, recordError, recordInterrupt, recordSignal } from './endings.js';
import type { RecordedError, RunEvent } from './events.js';
import { Journal } from './journal.js';
import type { RunContext, WithRunOptions } from './run-context.js';
import { RunLock } from './run-lock.js';
import type { Run } from './runs-folder.js';
import { hearSignals, type StopSignal } from './signals.js';
import { checkpoint, limitTime } from './time-limit.js';

const HEARTBEAT_MS = 10_000;

/** One process's work on a run: its lock, its journal, its console log, and the listeners that go with them. */
export class RunSession {
  readonly #controller = new AbortController();
  readonly #undo: (() => void)[] = [];
  readonly #bus: EventBus;
  #reportCrash: (error: unknown) => void = () => undefined;
  #ended = false;

  private constructor(
    private readonly run: Run,
    private readonly options: WithRunOptions,
    private readonly lock: RunLock,
    private readonly journal: Journal,
    private readonly log: ConsoleLog | undefined,
  ) {
    this.#bus = new EventBus(journal, (message) => this.#warn(message));
    for (const tracker of options.trackers ?? []) this.#bus.add(tracker);
  }

  static async open(run: Run, options: WithRunOptions): Promise<RunSession> {
    const lock = await RunLock.acquire(run.path);
    let journal: Journal | undefined;
    let log: ConsoleLog | undefined;
    try {
      journal = await Journal.open(run.files.journal);
      if (options.captureConsole !== false) log = ConsoleLog.capture(run.files.console);
      const session = new RunSession(run, options, lock, journal, log);
      await session.#bus.emit({ type: 'state', state: 'RUNNING' });
      session.#listen();
      return session;
    } catch (error) {
      log?.close();
      await journal?.close().catch(() => undefined);
      lock.release();
      throw error;
    }
  }

  async work<T>(work: (context: RunContext) => Promise<T>): Promise<T> {
    const { signal } = this.#controller;
    const crashed = new Promise<never>((_, reject) => (this.#reportCrash = reject));
    const context: RunContext = {
      run: this.run,
      signal,
      emit: (event) => this.#bus.emit(event),
      checkpoint: () => checkpoint(signal),
      note: (text) => this.log?.note(text),
    };
    const worked = (async () => work(context))();
    // After a crash nobody waits for the work any more.
    worked.catch(() => undefined);
    return Promise.race([worked, crashed]);
  }

  async completed(): Promise<void> {
    await this.#end({ type: 'state', state: 'COMPLETED' });
  }

  /** Writes the state; @returns what to throw */
  async failed(error: unknown): Promise<unknown> {
    const reason: unknown = this.#controller.signal.reason;
    if (reason instanceof ShieldError && reason.code === 'RUN_LOCKED') {
      // Another process has taken the run over: its journal is no longer ours to write.
      await this.#close();
      return reason;
    }
    const interrupted = reason instanceof RunInterrupted && !isWriteError(error) ? reason : undefined;
    const shown = interrupted ?? this.#forPeople(error);
    const recorded = interrupted ? recordInterrupt(interrupted) : recordError(shown, error);
    if (recorded.stack) this.log?.note(recorded.stack);
    const state = interrupted ? (interrupted instanceof RunTimedOut ? 'TIMEOUT' : 'INTERRUPTED') : 'FAILED';
    // What stopped the run counts more than that its state could not be written either.
    await this.#end({ type: 'state', state, error: recorded }).catch(() => undefined);
    return shown;
  }

  #listen(): void {
    if (this.options.handleSignals !== false) {
      const stop = (signal: StopSignal) => this.#controller.abort(new RunInterrupted(this.run.id, signal));
      this.#undo.push(
        hearSignals({ stop, lastWords: (signal) => this.#lastWords('INTERRUPTED', recordSignal(signal)) }),
      );
    }
    const outer = this.options.signal;
    const stop = () => this.#controller.abort(new RunInterrupted(this.run.id, undefined));
    if (outer?.aborted) stop();
    outer?.addEventListener('abort', stop, { once: true });

    const crash = (error: unknown) => {
      this.#reportCrash(error);
      this.#controller.abort(error);
    };
    process.on('uncaughtException', crash);

    const exit = (code: number) => {
      if (this.#ended) return;
      const message = 'the process ended before the run did';
      this.#warn(`INTERNAL: ${message}`);
      this.#lastWords('FAILED', { code: 'INTERNAL', message: `${message}, with exit code ${code}` });
      // As when nothing is left to wait for: that is no success.
      if (code === 0) process.exitCode = 1;
    };
    process.on('exit', exit);

    const beating = setInterval(() => this.#beat(), this.options.heartbeatMs ?? HEARTBEAT_MS).unref();
    const limit = this.options.timeLimitMs;
    if (limit !== undefined)
      this.#undo.push(limitTime(this.#controller, limit, () => new RunTimedOut(this.run, limit / 1000)));
    this.#undo.push(
      () => outer?.removeEventListener('abort', stop),
      () => process.off('uncaughtException', crash),
      () => process.off('exit', exit),
      () => clearInterval(beating),
    );
  }

  #beat(): void {
    if (!this.lock.refresh()) {
      const params = { id: this.run.id, pid: '?', host: 'another host, which took this one for dead' };
      const error = new ShieldError('RUN_LOCKED', params);
      this.#reportCrash(error);
      this.#controller.abort(error);
      return;
    }
    // A heartbeat that finds no room is no reason to stop: the next event that counts will say so.
    this.#bus.emit(heartbeat()).catch(() => undefined);
  }

  async #end(event: RunEvent): Promise<void> {
    try {
      // So that runs shorter than a heartbeat have their peak memory on record too.
      await this.#bus.emit(heartbeat()).catch(() => undefined);
      await this.#bus.emit(event);
    } finally {
      await this.#close();
    }
  }

  async #close(): Promise<void> {
    this.#ended = true;
    clearAll(this.#undo);
    await this.#bus.close();
    await this.journal.close().catch(() => undefined);
    this.log?.close();
    this.lock.release();
  }

  /** In a process that is about to exit: nothing asynchronous comes to its end any more. */
  #lastWords(state: 'FAILED' | 'INTERRUPTED', error: RecordedError): void {
    if (this.#ended) return;
    this.#ended = true;
    try {
      if (this.lock.refresh()) this.#bus.emitSync({ type: 'state', state, error });
    } catch {
      // Nobody is left to tell.
    }
    this.log?.close();
    this.lock.release();
  }

  #forPeople(error: unknown): unknown {
    if (error instanceof ShieldError || error instanceof ShieldErrors) return error;
    const full = outOfMemory(error);
    if (full) return full;
    return new ShieldError('INTERNAL', { reason: reasonOf(error), log: this.run.files.console }, { cause: error });
  }

  #warn(message: string): void {
    const warn = this.options.warn ?? ((line: string) => void process.stderr.write(`${line}\n`));
    warn(message);
    if (!this.#ended) this.#bus.emit({ type: 'log', level: 'warn', message }).catch(() => undefined);
  }
}

function heartbeat(): RunEvent {
  // The system counts in KiB.
  return { type: 'heartbeat', rss: process.memoryUsage.rss(), peak: 1024 * process.resourceUsage().maxRSS };
}

function clearAll(undo: (() => void)[]): void {
  for (const each of undo.splice(0)) each();
}
