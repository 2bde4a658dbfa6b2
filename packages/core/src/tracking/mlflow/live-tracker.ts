import { reasonOf } from '../../errors/index.js';
import type { Tracker } from '../events.js';
import type { Run } from '../runs-folder.js';
import { MlflowFeeder } from './feeder.js';
import type { MlflowSettings } from './settings.js';
import { takeSyncLock } from './sync-lock.js';

/** So many events go together. */
const GATHER_MS = 1_000;
/** Waits between passes while the server fails: doubled up to a minute. */
const FIRST_WAIT_MS = 2_000;
const LONGEST_WAIT_MS = 60_000;
/** What the end of a run waits for a server, at most; the event bus would not wait longer than 10 s. */
const FAREWELL_MS = 8_000;
/** A pass while the run goes on gives up early: the next one comes by itself. */
const LIVE_RETRIES = 1;
const LIVE_TIMEOUT_MS = 10_000;

/**
 * Feeds an MLflow server from the journal of a run that goes on. An event only sets a timer: nothing here is waited for
 * by the run, and nothing that fails is more to it than one warning. What was not sent `shield sync` sends.
 */
export class MlflowTracker implements Tracker {
  readonly name = 'mlflow';
  readonly #feeder: MlflowFeeder;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #passing: Promise<void> | undefined;
  #release: (() => void) | undefined;
  #wait = GATHER_MS;
  #warned = false;
  #closing = false;

  constructor(
    private readonly run: Run,
    settings: MlflowSettings,
    private readonly warn: (message: string) => void,
  ) {
    const timeoutMs = Math.min(settings.timeoutMs, LIVE_TIMEOUT_MS);
    this.#feeder = new MlflowFeeder(run, {
      ...settings,
      timeoutMs,
      retries: Math.min(settings.retries, LIVE_RETRIES),
    });
  }

  /** Where people see the run; undefined until the server has it. */
  get address(): string | undefined {
    return this.#feeder.address;
  }

  event(): void {
    if (this.#timer || this.#passing || this.#closing) return;
    this.#schedule();
  }

  /** One last pass, within {@link FAREWELL_MS}. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#timer);
    const farewell = setTimeout(() => this.#stop.abort(new Error('no time was left')), FAREWELL_MS);
    try {
      await this.#passing;
      await this.#pass();
    } catch (error) {
      const left = `not all of the run is on the MLflow server (${reasonOf(error)})`;
      this.warn(`${left}; shield sync ${this.run.id} sends the rest`);
    } finally {
      clearTimeout(farewell);
      this.#release?.();
    }
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#passing = this.#pass()
        .then(() => {
          this.#wait = GATHER_MS;
        })
        .catch((error: unknown) => this.#failed(error))
        .finally(() => (this.#passing = undefined));
    }, this.#wait).unref();
  }

  #failed(error: unknown): void {
    if (this.#closing) return;
    this.#wait = Math.min(Math.max(FIRST_WAIT_MS, 2 * this.#wait), LONGEST_WAIT_MS);
    if (!this.#warned) this.warn(`MLflow: ${reasonOf(error)}; the run goes on, and it is tried again`);
    this.#warned = true;
    // Also when no event comes: the server may be back before the next one.
    this.#schedule();
  }

  async #pass(): Promise<void> {
    this.#release ??= await takeSyncLock(this.run);
    if (!this.#release) throw new Error('another process sends it just now');
    await this.#feeder.pass(this.#stop.signal);
  }
}
