import { constants, fstatSync, ftruncateSync, rmSync, writeSync } from 'node:fs';
import { open, unlink, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ShieldError, systemCode, writeError } from '../errors/index.js';
import type { JournalEntry, JournalNote, RunEvent } from './events.js';
import { JOURNAL_VERSION, encodeLine } from './journal-line.js';
import { findSoundEnd } from './journal-reader.js';
import { cutOff } from './journal-repair.js';

/** What may wait for the next flush to disk: everything else is on the disk before `append` resolves. */
const FLUSHED_LATER: ReadonlySet<string> = new Set(['heartbeat', 'log']);

/** Given up when the disk is full, so that the run's last state can still be written. */
const RESERVE = '.journal-reserve';
const RESERVE_BYTES = 8192;

/**
 * The append-only record of a run. An event is handed to the operating system within the call (a kill −9 afterwards
 * loses nothing) and flushed to the disk before `append` resolves; concurrent appends share one flush. Lines are
 * numbered from 0 without gaps. One process writes at a time: the run's lock sees to that.
 */
export class Journal {
  #seq: number;
  #size: number;
  #flushing: Promise<void> | undefined;
  #nextFlush: Promise<void> | undefined;
  #broken: ShieldError | undefined;
  #closed = false;
  /** Whether something may not be on the disk yet. */
  #unflushed = false;

  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    seq: number,
  ) {
    this.#seq = seq;
    this.#size = fstatSync(handle.fd).size;
  }

  /**
   * Makes a new journal; never touches one that is there.
   * @throws WRITE_FAILED, DISK_FULL
   */
  static async create(path: string): Promise<Journal> {
    return (await Journal.#create(path)).#withReserve();
  }

  /** Makes a new journal with its first events, for another process or a later moment to go on with. */
  static async begin(path: string, ...first: readonly RunEvent[]): Promise<void> {
    await (await Journal.#create(path, ...first)).close();
  }

  static async #create(path: string, ...first: readonly RunEvent[]): Promise<Journal> {
    const journal = await opened(path, constants.O_CREAT | constants.O_EXCL, (handle) => new Journal(path, handle, 0));
    return journal.#started({ type: 'journal', version: JOURNAL_VERSION }, ...first);
  }

  /**
   * Goes on with a journal. A torn end is cut off; where lines in the middle are damaged, the file is kept beside as
   * `journal-damaged-N.jsonl` and the sound lines before the damage are gone on with. Either is noted by an entry.
   * @throws WRITE_FAILED, DISK_FULL; JOURNAL_CORRUPT when the file is missing; RUN_FORMAT when it is of another format
   */
  static async open(path: string): Promise<Journal> {
    const { at, corrupt } = await findSoundEnd(path);
    let note: JournalNote | undefined;
    try {
      note = await cutOff(path, at.offset, corrupt !== undefined);
    } catch (error) {
      throw writeError(error, path);
    }
    const journal = await opened(path, 0, (handle) => new Journal(path, handle, at.line));
    await journal.#started(at.line === 0 ? { type: 'journal', version: JOURNAL_VERSION } : undefined, note);
    return journal.#withReserve();
  }

  /** The number that the next entry gets. */
  get length(): number {
    return this.#seq;
  }

  /**
   * @returns the entry as written; for heartbeats and log lines it may reach the disk with the next flush only
   * @throws DISK_FULL, WRITE_FAILED: then the event is not in the journal, which stays readable and can be gone on with
   */
  async append(event: RunEvent | JournalNote): Promise<JournalEntry> {
    const entry = this.appendSync(event);
    if (waitsForDisk(event)) await this.flush();
    return entry;
  }

  /** Hands the event to the operating system before it returns; for the last words of a process. */
  appendSync(event: RunEvent | JournalNote): JournalEntry {
    if (this.#closed) throw new ShieldError('WRITE_FAILED', { path: this.path, reason: 'the journal is closed' });
    if (this.#broken) throw this.#broken;
    const entry: JournalEntry = { seq: this.#seq, time: new Date().toISOString(), ...event };
    const line = encodeLine(entry);
    try {
      this.#write(line);
    } catch (error) {
      if (event.type !== 'state' || systemCode(error) !== 'ENOSPC') throw writeError(error, this.path);
      rmSync(this.#reserve, { force: true });
      try {
        this.#write(line);
      } catch (again) {
        throw writeError(again, this.path);
      }
    }
    this.#seq++;
    this.#unflushed = true;
    return entry;
  }

  /** Resolves when all that was appended is on the disk. */
  flush(): Promise<void> {
    // A flush that is under way may have begun before our write: the one after it is ours, and everybody's until it begins.
    this.#nextFlush ??= (this.#flushing ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#nextFlush = undefined;
        this.#unflushed = false;
        this.#flushing = this.handle.datasync().catch((error: unknown) => {
          this.#unflushed = true;
          throw writeError(error, this.path);
        });
        return this.#flushing;
      });
    return this.#nextFlush;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    const flushed = this.#unflushed ? this.flush() : (this.#nextFlush ?? this.#flushing ?? Promise.resolve());
    await flushed.finally(async () => {
      this.#closed = true;
      await this.handle.close();
      await unlink(this.#reserve).catch(() => undefined);
    });
  }

  get #reserve(): string {
    return join(dirname(this.path), RESERVE);
  }

  async #withReserve(): Promise<this> {
    await writeFile(this.#reserve, Buffer.alloc(RESERVE_BYTES)).catch(() => undefined);
    return this;
  }

  async #started(...notes: readonly (RunEvent | JournalNote | undefined)[]): Promise<this> {
    try {
      await Promise.all(notes.flatMap((note) => (note ? [this.append(note)] : [])));
      return this;
    } catch (error) {
      await this.handle.close();
      throw error;
    }
  }

  /** All of the line or none of it: what a full disk took of it is cut off again. */
  #write(line: Buffer): void {
    let written = 0;
    try {
      while (written < line.length) written += writeSync(this.handle.fd, line, written);
      this.#size += line.length;
    } catch (error) {
      if (written > 0) this.#cut(error);
      throw error;
    }
  }

  #cut(error: unknown): void {
    try {
      ftruncateSync(this.handle.fd, this.#size);
    } catch {
      // Half a line stands in the file: nothing may follow it, or the damage would be in the middle.
      this.#broken = writeError(error, this.path);
    }
  }
}

/** Whether the event must be on the disk before anything rests on it; heartbeats and log lines need not. */
export function waitsForDisk(event: RunEvent | JournalNote): boolean {
  if (event.type === 'cell') return event.phase === 'ended';
  return !FLUSHED_LATER.has(event.type);
}

async function opened(path: string, flags: number, make: (handle: FileHandle) => Journal): Promise<Journal> {
  try {
    return make(await open(path, constants.O_WRONLY | constants.O_APPEND | flags, 0o644));
  } catch (error) {
    throw writeError(error, path);
  }
}
