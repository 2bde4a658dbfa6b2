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

const kept = new WeakMap<object, string>();

/** Has {@link canonicalJson} write a value once, however often it is asked: for one that never changes, at any depth. */
export function keepCanonical(value: object): void {
  kept.set(value, canonicalJson(value));
}

/** sha256 (hex) over the canonical JSON of a value. */
export function canonicalHash(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

function write(value: unknown, above: object[]): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no canonical JSON`);
    return JSON.stringify(value);
  }
  if (typeof value !== 'object') throw new TypeError(`a ${typeof value} has no canonical JSON`);
  const known = kept.get(value);
  if (known !== undefined) return known;
  if (above.includes(value)) throw new TypeError('a value that holds itself has no canonical JSON');
  above.push(value);
  const text = Array.isArray(value)
    ? `[${value.map((item) => write(item, above)).join(',')}]`
    : writeMembers(value as Record<string, unknown>, above);
  above.pop();
  return text;
}

function writeMembers(value: Readonly<Record<string, unknown>>, above: object[]): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`a ${value.constructor.name} has no canonical JSON`);
  }
  let text = '';
  for (const key of Object.keys(value).sort()) {
    const member = value[key];
    if (member !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${write(member, above)}`;
  }
  return `{${text}}`;
}
