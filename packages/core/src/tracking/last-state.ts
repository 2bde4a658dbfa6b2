import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { JournalEntry } from './events.js';
import { decodeLine } from './journal-line.js';

export type StateEntry = Extract<JournalEntry, { readonly type: 'state' }>;

/** The state of a run that has ended stands in the last lines; that of one at work lies behind its heartbeats. */
const FIRST_BLOCK = 1 << 11;
const LARGEST_BLOCK = 1 << 16;

/**
 * The last state that a journal holds, read from its end and at once, so that listing many runs stays quick (ten
 * thousand small reads through the thread pool take seconds). Lines that are torn or damaged are passed over.
 *
 * @returns undefined when there is none or the file cannot be read
 */
export function lastState(path: string): StateEntry | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    let end = fstatSync(file).size;
    // The beginning of a line whose rest was read with the block behind it.
    let rest = Buffer.alloc(0);
    for (let size = FIRST_BLOCK; end > 0; size = Math.min(4 * size, LARGEST_BLOCK)) {
      const start = Math.max(0, end - size);
      const block = Buffer.alloc(end - start);
      readSync(file, block, 0, block.length, start);
      const text = Buffer.concat([block, rest]);
      const first = start === 0 ? 0 : text.indexOf(0x0a) + 1;
      const found = lastStateIn(text.subarray(first));
      if (found) return found;
      // Without a newline the whole block is the middle of one line.
      rest = start === 0 || first > 0 ? text.subarray(0, first) : text;
      end = start;
    }
    return undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(file);
  }
}

function lastStateIn(text: Buffer): StateEntry | undefined {
  for (let end = text.lastIndexOf(0x0a); end >= 0;) {
    const before = end === 0 ? -1 : text.lastIndexOf(0x0a, end - 1);
    const line = text.subarray(before + 1, end);
    if (line.includes('"type":"state"')) {
      const entry = decodeLine(line);
      if (entry?.type === 'state') return entry;
    }
    end = before;
  }
  return undefined;
}
