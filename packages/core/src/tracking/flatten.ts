export type Scalar = string | number | boolean | null;

/**
 * A nested value as `a.b.c` → scalar, in the order of its keys. Lists and empty maps stand as JSON: they are one
 * setting each.
 */
export function flatten(value: unknown, prefix = ''): Record<string, Scalar> {
  const flat: Record<string, Scalar> = {};
  collect(value, prefix, flat);
  return flat;
}

function collect(value: unknown, key: string, into: Record<string, Scalar>): void {
  if (value === undefined) return;
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    into[key] = value;
    return;
  }
  const entries = Array.isArray(value) ? [] : Object.entries(value);
  if (entries.length === 0) into[key] = JSON.stringify(value) ?? null;
  for (const [name, member] of entries) collect(member, key === '' ? name : `${key}.${name}`, into);
}
