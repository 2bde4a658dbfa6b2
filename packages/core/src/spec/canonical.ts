import { createHash } from 'node:crypto';

/**
 * JSON that is the same text for the same value: keys sorted by code unit, no white space, `undefined` members left
 * out, -0 written as 0. The base of every hash that names a spec or an artifact.
 *
 * @throws TypeError for what JSON cannot hold (NaN, infinities, functions, cycles): a hash must never cover less than
 *   it seems to
 */
export function canonicalJson(value: unknown): string {
  return write(value, []);
}

/** sha256 (hex) over the canonical JSON of a value. */
export function canonicalHash(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

function write(value: unknown, above: readonly object[]): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no canonical JSON`);
    return JSON.stringify(value);
  }
  if (typeof value !== 'object') throw new TypeError(`a ${typeof value} has no canonical JSON`);
  if (above.includes(value)) throw new TypeError('a value that holds itself has no canonical JSON');
  const path = [...above, value];
  if (Array.isArray(value)) return `[${value.map((item) => write(item, path)).join(',')}]`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`a ${value.constructor.name} has no canonical JSON`);
  }
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, member]) => `${JSON.stringify(key)}:${write(member, path)}`);
  return `{${members.join(',')}}`;
}
