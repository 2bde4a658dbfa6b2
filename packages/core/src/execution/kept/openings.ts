import type { LoadContext } from '../../plugin/contracts.js';
import { LoadRecord } from './load-record.js';

/** What is asked for, but for what its files hold. */
export interface Wanted {
  /** Tells it from all others of its plugin. */
  readonly name: string;
  readonly plugin: object;
  /** Of the run. */
  readonly seed: number;
}

/** What a run works with, until it gives it back. */
export interface InUse<T> {
  readonly value: T;
  /** @param sound false where the run failed: what is wrong may be its state, and nobody is given it again */
  release(sound: boolean): void;
}

export interface OpeningsOptions<T> {
  /** Called once nobody uses it any more and nobody shall. */
  readonly dispose: (value: T) => void;
  /** Whether it may be kept at all. Default: yes. */
  readonly lasts?: (value: T) => boolean;
  /** Whether it is still what it was when it was opened, beside the files that its context was asked for. */
  readonly unchanged?: (value: T) => Promise<boolean>;
  /** false: each is one run's, and disposed of at its end. */
  readonly keeps: boolean;
}

/** What nobody has used for so long is let go. */
const IDLE_MS = 60_000;

/**
 * What the cells of one process open in common: once, for as long as cells name the same and the files that it came from
 * stand. One that is opened first lets go of all that nobody is using: no more is held than one cell needs.
 */
export class Openings<T> {
  readonly #kept = new Set<Entry<T>>();
  readonly #opening = new Map<string, Promise<unknown>>();
  #idle: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(private readonly options: OpeningsOptions<T>) {}

  /**
   * Gives the one that is kept, or has it opened; cells that ask for it meanwhile wait for that. The run's record says the
   * same either way.
   *
   * @throws what `open` throws
   */
  async open(wanted: Wanted, context: LoadContext, open: (context: LoadContext) => Promise<T>): Promise<InUse<T>> {
    if (!this.options.keeps || this.#closed) return this.#use(new Entry(wanted, await open(context)));
    const { name } = wanted;
    // Who opens it may fail of what is no fault of ours: then it is tried again.
    for (let opening; (opening = this.#opening.get(name));) await opening.catch(() => undefined);
    const opening = this.#find(wanted, context).then((found) => found ?? this.#open(wanted, context, open));
    this.#opening.set(name, opening);
    try {
      return await opening;
    } finally {
      this.#opening.delete(name);
    }
  }

  /** Lets go of what nobody is using. */
  letGo(): void {
    clearTimeout(this.#idle);
    for (const entry of this.#kept) if (entry.users === 0) this.#drop(entry);
  }

  /** Lets go of everything, of what is in use when that is over. */
  close(): void {
    this.#closed = true;
    this.letGo();
  }

  async #find(wanted: Wanted, context: LoadContext): Promise<InUse<T> | undefined> {
    const { unchanged = () => Promise.resolve(true) } = this.options;
    for (const entry of this.#kept) {
      if (!entry.is(wanted) || !entry.record!.fits(context, wanted.seed)) continue;
      const inUse = this.#use(entry);
      if (await unchanged(entry.value)) {
        entry.record!.tell(context);
        return inUse;
      }
      inUse.release(false);
    }
    return undefined;
  }

  async #open(wanted: Wanted, context: LoadContext, open: (context: LoadContext) => Promise<T>): Promise<InUse<T>> {
    this.letGo();
    const record = new LoadRecord(wanted.seed);
    const value = await record.during(context, open);
    const entry = new Entry(wanted, value, record);
    if (record.stands && (this.options.lasts?.(value) ?? true)) this.#kept.add(entry);
    return this.#use(entry);
  }

  #use(entry: Entry<T>): InUse<T> {
    entry.users++;
    clearTimeout(this.#idle);
    let released = false;
    return {
      value: entry.value,
      release: (sound) => {
        if (released) return;
        released = true;
        entry.users--;
        if (!sound) this.#kept.delete(entry);
        if (entry.users > 0) return;
        if (this.#closed || !this.#kept.has(entry)) this.#drop(entry);
        else this.#idle = setTimeout(() => this.letGo(), IDLE_MS).unref();
      },
    };
  }

  #drop(entry: Entry<T>): void {
    this.#kept.delete(entry);
    this.options.dispose(entry.value);
  }
}

class Entry<T> {
  users = 0;

  constructor(
    private readonly wanted: Wanted,
    readonly value: T,
    readonly record?: LoadRecord,
  ) {}

  is({ name, plugin }: Wanted): boolean {
    return this.wanted.name === name && this.wanted.plugin === plugin;
  }
}
