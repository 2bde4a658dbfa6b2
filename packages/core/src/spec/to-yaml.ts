import { stringify } from 'yaml';
import { canonicalHash } from './canonical.js';
import { escapeExpressions } from './interpolate.js';
import type { ResolvedSpec } from './resolved-spec.js';

/** sha256 (hex) over the canonical JSON of a resolved spec, but for where it is recorded: it identifies the experiment. */
export function resolvedHash({ tracking: _tracking, ...experiment }: ResolvedSpec): string {
  return canonicalHash(experiment);
}

/** The resolved spec as YAML that loads to the same spec, with the same hash. */
export function toYaml(spec: ResolvedSpec): string {
  return stringify(writable(spec), { aliasDuplicateObjects: false, lineWidth: 0 });
}

function writable(value: unknown): unknown {
  if (typeof value === 'string') return escapeExpressions(value);
  if (Array.isArray(value)) return value.map(writable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([key, member]) => [key, writable(member)]),
  );
}
