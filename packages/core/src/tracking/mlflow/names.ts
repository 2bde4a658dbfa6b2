import { createHash } from 'node:crypto';
import type { KeyValue } from './words.js';

/*
 * What MLflow takes: keys of at most 250 characters of letters, digits and _ - . space : /, which must read as a plain
 * relative path; params of 6,000 characters and tags of 5,000 (servers from 3.0 on take 8,000). Older servers take less and
 * say so: see {@link shortened}.
 */
const LONGEST_KEY = 250;
const LONGEST_PARAM = 6000;
const LONGEST_TAG = 5000;

/** A key that MLflow takes; one that had to be changed ends with a hash, so that no two become one. */
export function mlflowKey(key: string): string {
  const plain = key
    .replaceAll(/[^A-Za-z0-9_\-. :/]/g, '_')
    .split('/')
    .map((part) => (/^\.*$/.test(part) ? `_${part.replaceAll('.', '_')}` : part))
    .join('/');
  if (plain === key && key.length <= LONGEST_KEY) return key;
  const mark = createHash('sha256').update(key).digest('hex').slice(0, 8);
  return `${plain.slice(0, LONGEST_KEY - mark.length - 1)}-${mark}`;
}

/** @param whole where the value stands uncut */
export function mlflowParam(key: string, value: unknown, whole: string): KeyValue {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? null);
  return { key: mlflowKey(key), value: cut(text, LONGEST_PARAM, whole) };
}

/** @param whole where the value stands uncut */
export function mlflowTag(key: string, value: string, whole: string): KeyValue {
  return { key: mlflowKey(key), value: cut(value, LONGEST_TAG, whole) };
}

function cut(text: string, longest: number, whole: string): string {
  // The server counts code points, so that this is never too long for it.
  if (text.length <= longest) return text;
  const note = `… (whole in ${whole})`;
  return `${text.slice(0, longest - note.length)}${note}`;
}

/** A value that a server takes which is content with less; a note of where the whole stands stays at its end. */
export function shortened({ key, value }: KeyValue, longest: number): KeyValue {
  if (value.length <= longest) return { key, value };
  const note = /… \(whole in [^)]*\)$/.exec(value)?.[0] ?? '… (whole in the artifacts)';
  return { key, value: `${value.slice(0, longest - note.length)}${note}` };
}

/** Pieces of at most `size`. */
export function chunks<T>(items: readonly T[], size: number): T[][] {
  const pieces: T[][] = [];
  for (let start = 0; start < items.length; start += size) pieces.push(items.slice(start, start + size));
  return pieces;
}
