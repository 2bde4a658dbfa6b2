import { open } from 'node:fs/promises';
import type { JournalEntry } from './events.js';
import { decodeLine } from './journal-line.js';

export type StateEntry = Extract<JournalEntry, { readonly type: 'state' }>;

const BLOCK = 1 << 16;

/**
 * The last state that a journal holds, read from its end so that listing many runs stays quick. Lines that are torn or
 * damaged are passed over. @returns undefined when there is none or the file cannot be read
 */
export async function lastState(path: string): Promise<StateEntry | undefined> {
  const handle = await open(path, 'r').catch(() => undefined);
  if (!handle) return undefined;
  try {
    let end = (await handle.stat()).size;
    // The beginning of a line whose rest was read with the block behind it.
    let rest = Buffer.alloc(0);
    while (end > 0) {
      const start = Math.max(0, end - BLOCK);
      const block = Buffer.alloc(end - start);
      await handle.read(block, 0, block.length, start);
      const text = Buffer.concat([block, rest]);
      const first = start === 0 ? 0 : text.indexOf(0x0a) + 1;
      const found = lastStateIn(text.subarray(first));
      if (found) return found;
      // Without a newline the whole block is the middle of one line.
      rest = start === 0 || first > 0 ? text.subarray(0, first) : text;
      end = start;
    }
    return undefined;
  } finally {
    await handle.close();
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
