import { crc32c } from '../records/crc32c.js';
import type { JournalEntry } from './events.js';

/*
 * One line of journal.jsonl (format 1) is one JSON object whose last key is its checksum:
 *
 *   {"seq":7,"time":"2026-01-31T12:00:00.000Z","type":"metric","key":"clean/top1","value":0.85,"crc":"e3069283"}\n
 *
 * `crc` is the CRC-32C, in eight lower-case hex digits, of the line's bytes before `,"crc":"`. So a line that was cut
 * off or changed is known as such, while any JSON Lines reader still reads the file. Numbers that JSON does not have
 * stand as "NaN", "Infinity" and "-Infinity".
 */
export const JOURNAL_VERSION = 1;

/** Longer texts (a stack trace, a line printed by a plugin) are cut: one event never bloats the journal. */
const MAX_TEXT = 32_768;

const TAIL = /^,"crc":"([0-9a-f]{8})"\}$/;
const TAIL_BYTES = ',"crc":"00000000"}'.length;

/** The line of an entry, its newline included. */
export function encodeLine(entry: JournalEntry): Buffer {
  const json = Buffer.from(JSON.stringify(entry, replace), 'utf8');
  const payload = json.subarray(0, json.length - 1);
  const crc = crc32c(payload).toString(16).padStart(8, '0');
  return Buffer.concat([payload, Buffer.from(`,"crc":"${crc}"}\n`, 'latin1')]);
}

/** @param line without its newline; @returns undefined where the line is not exactly what {@link encodeLine} wrote */
export function decodeLine(line: Uint8Array): JournalEntry | undefined {
  if (line.length <= TAIL_BYTES) return undefined;
  const payload = line.subarray(0, line.length - TAIL_BYTES);
  const tail = TAIL.exec(Buffer.from(line.subarray(payload.length)).toString('latin1'));
  if (!tail || crc32c(payload) !== Number.parseInt(tail[1]!, 16)) return undefined;
  try {
    return revive(JSON.parse(`${Buffer.from(payload).toString('utf8')}}`) as JournalEntry);
  } catch {
    return undefined;
  }
}

function replace(_: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value === 'string' && value.length > MAX_TEXT) return `${value.slice(0, MAX_TEXT)}… (cut)`;
  return value;
}

function revive(entry: JournalEntry): JournalEntry {
  return entry.type === 'metric' && typeof entry.value === 'string' ? { ...entry, value: Number(entry.value) } : entry;
}
