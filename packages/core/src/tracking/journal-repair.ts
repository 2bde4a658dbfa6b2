import { statSync } from 'node:fs';
import { copyFile, link, open, rename, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode } from '../errors/index.js';
import type { JournalNote } from './events.js';

/**
 * Cuts off what follows the sound part of a journal.
 *
 * @param end bytes of the sound part
 * @param keep whether the damaged file is kept beside it
 * @returns what the journal is to say of it; undefined where nothing follows
 */
export async function cutOff(path: string, end: number, keep: boolean): Promise<JournalNote | undefined> {
  if (statSync(path).size === end) return undefined;
  const handle = await open(path, 'r');
  let bytes: number;
  let text: string;
  try {
    bytes = (await handle.stat()).size - end;
    if (bytes === 0) return undefined;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(bytes, 1000)), 0, undefined, end);
    text = buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
  if (keep) await setAside(path, end);
  else await truncate(path, end);
  return { type: 'repair', bytes, text };
}

/** Keeps the damaged file under a name of its own and puts its sound part in its place; no moment is without a journal. */
async function setAside(path: string, end: number): Promise<void> {
  const sound = `${path}.sound`;
  await copyFile(path, sound);
  await truncate(sound, end);
  for (let n = 1; ; n++) {
    try {
      await link(path, join(dirname(path), `journal-damaged-${n}.jsonl`));
      break;
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
  }
  await rename(sound, path);
}
