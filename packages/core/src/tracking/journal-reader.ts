import { open } from 'node:fs/promises';
import { ShieldError, reasonOf } from '../errors/index.js';
import type { JournalEntry } from './events.js';
import { JOURNAL_VERSION, decodeLine } from './journal-line.js';
import { checkFormat } from './record-format.js';

/** A place between two lines of a journal: where to go on reading later. */
export interface JournalCursor {
  /** Bytes before it. */
  readonly offset: number;
  /** Lines before it; also the number of the next entry. */
  readonly line: number;
}

/** An entry and the place after it. */
export interface ScannedEntry {
  readonly entry: JournalEntry;
  readonly next: JournalCursor;
}

/** What a scan found behind the last sound line: the end of an interrupted write, or damage. */
export interface UnsoundTail {
  /** Where the sound part ends. */
  readonly at: JournalCursor;
  /** Set when sound lines follow, so that the fault is no torn end. */
  readonly corrupt?: ShieldError;
}

const START: JournalCursor = { offset: 0, line: 0 };
const CHUNK = 1 << 16;
/** Far above what the writer can make; keeps damage from being read into memory as one line. */
const MAX_LINE = 1 << 20;
const NEWLINE = 0x0a;

/**
 * The events of a run in order, streamed. Stops cleanly at a last line that was cut off, as a kill or a power failure
 * leaves it; a run that is going on may be read at any time.
 *
 * @throws JOURNAL_CORRUPT with the line, for damage in the middle; RUN_FORMAT for a file of another format
 */
export async function* readJournal(path: string): AsyncGenerator<JournalEntry, void, undefined> {
  for await (const { entry } of scanJournal(path)) yield entry;
}

/**
 * As {@link readJournal}, from any place, with the place after each entry: a tracker that was fed so far can go on
 * from there.
 */
export async function* scanJournal(
  path: string,
  from: JournalCursor = START,
): AsyncGenerator<ScannedEntry, void, undefined> {
  const tail = yield* scan(path, from);
  if (tail.corrupt) throw tail.corrupt;
}

/** Reads to the end of what is sound, and says where that is and whether the rest is a torn end or damage. */
export async function findSoundEnd(path: string): Promise<UnsoundTail> {
  const entries = scan(path, START);
  for (;;) {
    const step = await entries.next();
    if (step.done) return step.value;
  }
}

async function* scan(path: string, from: JournalCursor): AsyncGenerator<ScannedEntry, UnsoundTail, undefined> {
  let at = from;
  let bad: { readonly line: number } | undefined;
  let line = from.line;
  for await (const bytes of lines(path, from.offset)) {
    line++;
    const entry = bytes && decodeLine(bytes);
    if (!entry) {
      bad ??= { line };
      continue;
    }
    if (bad) return { at, corrupt: corrupt(path, 'the line does not fit its checksum', bad.line) };
    if (entry.seq !== at.line) {
      return { at, corrupt: corrupt(path, `entry ${entry.seq} stands where entry ${at.line} belongs`, line) };
    }
    if (entry.type === 'journal') checkFormat(path, entry.version, JOURNAL_VERSION);
    else if (entry.seq === 0) checkFormat(path, undefined, JOURNAL_VERSION);
    at = { offset: at.offset + bytes.length + 1, line: at.line + 1 };
    yield { entry, next: at };
  }
  return { at };
}

/** The lines that end with a newline; undefined for one that is too long to be the writer's. */
async function* lines(path: string, offset: number): AsyncGenerator<Buffer | undefined, void, undefined> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw corrupt(path, `it cannot be read (${reasonOf(error)})`, 1, error);
  });
  try {
    const chunk = Buffer.allocUnsafe(CHUNK);
    let held = Buffer.alloc(0);
    let tooLong = false;
    for (let position = offset; ;) {
      const { bytesRead } = await handle.read(chunk, 0, CHUNK, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      let start = 0;
      for (let end: number; (end = chunk.subarray(0, bytesRead).indexOf(NEWLINE, start)) >= 0; start = end + 1) {
        const line = Buffer.concat([held, chunk.subarray(start, end)]);
        yield tooLong ? undefined : line;
        held = Buffer.alloc(0);
        tooLong = false;
      }
      held = Buffer.concat([held, chunk.subarray(start, bytesRead)]);
      if (held.length > MAX_LINE) {
        tooLong = true;
        held = Buffer.alloc(0);
      }
    }
  } finally {
    await handle.close();
  }
}

function corrupt(path: string, reason: string, line: number, cause?: unknown): ShieldError {
  return new ShieldError('JOURNAL_CORRUPT', { path, reason, line }, { where: { file: path, line }, cause });
}
