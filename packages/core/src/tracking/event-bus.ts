import { reasonOf } from '../errors/index.js';
import type { JournalNote, RecordedEvent, RunEvent, Tracker } from './events.js';
import { waitsForDisk, type Journal } from './journal.js';

/** Trackers get this long to finish when a run ends. */
const CLOSE_WITHIN_MS = 10_000;

/**
 * The way of an event: numbered and written to the journal first, then handed to the trackers in order. A tracker that
 * fails, at once or later, is warned of once and never hurts the run; what it missed stands in the journal.
 */
export class EventBus {
  readonly #trackers: Tracker[] = [];
  readonly #failed = new Set<Tracker>();
  readonly #pending = new Set<Promise<void>>();
  /** In the journal, but not handed over: they wait for the disk, or for one before them that does. */
  readonly #journaled: RecordedEvent[] = [];

  /** @param warn gets one line a failing tracker */
  constructor(
    private readonly journal: Journal,
    private readonly warn: (message: string) => void,
  ) {}

  add(tracker: Tracker): void {
    this.#trackers.push(tracker);
  }

  /** Resolves when the journal has the event. @throws DISK_FULL, WRITE_FAILED of the journal, of no tracker */
  async emit(event: RunEvent): Promise<void> {
    const written = this.journal.appendSync(event) as RecordedEvent;
    this.#journaled.push(written);
    if (waitsForDisk(event)) {
      await this.journal.flush();
      this.#handOver(written.seq);
    } else if (this.#journaled.length === 1) this.#handOver(written.seq);
  }

  /** For the last words of a process: into the journal only, before it returns. */
  emitSync(event: RunEvent | JournalNote): void {
    this.journal.appendSync(event);
  }

  /** Lets the trackers finish, but not for ever. */
  async close(): Promise<void> {
    const end = async () => {
      await Promise.all(this.#pending);
      await Promise.all(this.#trackers.map((tracker) => this.#guarded(tracker, () => tracker.close?.())));
    };
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.warn('a tracker did not finish in time; what it missed stands in the journal');
        resolve();
      }, CLOSE_WITHIN_MS);
    });
    await Promise.race([end(), late]);
    clearTimeout(timer);
  }

  #handOver(upTo: number): void {
    while (this.#journaled[0] && this.#journaled[0].seq <= upTo) {
      const event = this.#journaled.shift()!;
      for (const tracker of this.#trackers) {
        const handed = this.#guarded(tracker, () => tracker.event(event));
        this.#pending.add(handed);
        void handed.then(() => this.#pending.delete(handed));
      }
    }
  }

  /** Calls the tracker at once; the promise never rejects. */
  async #guarded(tracker: Tracker, call: () => void | Promise<void>): Promise<void> {
    try {
      await call();
    } catch (error) {
      if (this.#failed.has(tracker)) return;
      this.#failed.add(tracker);
      this.warn(
        `${tracker.name ?? 'a tracker'} failed (${reasonOf(error)}); the run goes on, its journal has everything`,
      );
    }
  }
}
