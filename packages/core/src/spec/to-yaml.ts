import { Scalar, stringify } from 'yaml';
import { canonicalHash } from './canonical.js';
import { escapeExpressions } from './interpolate.js';
import type { ResolvedSpec } from './resolved-spec.js';

/**
 * sha256 (hex) over the canonical JSON of a resolved spec, but for where it is recorded, who carries it out and how long it may take: it
 * identifies the experiment.
 */
export function resolvedHash({ tracking: _tracking, execution, ...experiment }: ResolvedSpec): string {
  const { threads, strip } = execution;
  return canonicalHash({ ...experiment, execution: { threads, strip } });
}

/** The resolved spec as YAML that loads to the same spec, with the same hash. */
export function toYaml(spec: ResolvedSpec): string {
  return stringify(writable(spec), { aliasDuplicateObjects: false, lineWidth: 0 });
}

function writable(value: unknown): unknown {
  if (typeof value === 'string') return text(escapeExpressions(value));
  if (Array.isArray(value)) return value.map(writable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([key, member]) => [key, writable(member)]),
  );
}

/** In quotes where a block of lines would lose blanks: before the first line, at the end of one, on an empty one. */
function text(value: string): string | Scalar {
  if (!/^[ \t]|[ \t](\n|$)/.test(value)) return value;
  const quoted = new Scalar(value);
  quoted.type = Scalar.QUOTE_DOUBLE;
  return quoted;
}
