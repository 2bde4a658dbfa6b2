import { ShieldError, ShieldErrors } from '../errors/index.js';
import type { OpenSpec } from '../spec/load-spec.js';
import type { Override } from '../spec/override.js';
import type { Point } from './points.js';

/**
 * All that is wrong with a cell. An override that cannot be applied ends the loading of it: what is wrong with the
 * others is found without it.
 *
 * @throws what is no fault of the spec
 */
export async function faultsOf(open: OpenSpec, overrides: readonly Override[], error: unknown): Promise<ShieldError[]> {
  const found = error instanceof ShieldErrors ? error.errors : error instanceof ShieldError ? [error] : undefined;
  if (!found) throw error;
  const refused = found.map(({ code, params }) => (isOfOverride(code) ? params['text'] : undefined));
  const left = overrides.filter(({ text }) => !refused.includes(text));
  if (left.length === overrides.length) return [...found];
  try {
    await open.load(left);
    return [...found];
  } catch (other) {
    return [...found, ...(await faultsOf(open, left, other))];
  }
}

function isOfOverride(code: string): boolean {
  return code === 'OVERRIDE_UNKNOWN_KEY' || code === 'OVERRIDE_SYNTAX';
}

/** An override that cannot be applied is a swept key that does not exist. */
export function atItsKey(fault: ShieldError, point: Point, overrides: readonly Override[]): ShieldError {
  if (!isOfOverride(fault.code)) return fault;
  const i = overrides.findIndex(({ text }) => text === fault.params['text']);
  if (i < 0) return fault;
  const { key, where } = point[i]!;
  if (fault.code === 'OVERRIDE_SYNTAX') {
    const params = {
      key,
      reason: `cannot be set: ${String(fault.params['reason'])}`,
      expected: 'name a key that the spec has',
    };
    return new ShieldError('SWEEP_INVALID', params, { where });
  }
  const params = {
    key,
    reason: 'does not exist',
    hint: fault.params['hint'],
    known: `the keys of the spec; write +${key} for one that is to be added`,
  };
  return new ShieldError('SWEEP_UNKNOWN_KEY', params, { where });
}
