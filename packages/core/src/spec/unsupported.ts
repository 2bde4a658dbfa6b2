import { ShieldError, throwAll } from '../errors/index.js';
import type { LoadedSpec } from './load-spec.js';
import { LATER_KEYS } from './schema.js';
import { child, locateKey, type MapNode } from './tree.js';

/** Words of the grammar that name what this version does not do yet, as far as they stand in the spec as written. */
export function unsupportedKeys(tree: MapNode): ShieldError[] {
  return LATER_KEYS.filter((key) => child(tree, key) !== undefined).map((key) => notYet(key, locateKey(tree, [key])));
}

/**
 * What is written by the grammar and cannot be run by this version.
 *
 * @throws SPEC_INVALID_VALUE for each
 */
export function unsupported(loaded: Pick<LoadedSpec, 'resolved' | 'locate'>): void {
  const { resolved, locate } = loaded;
  const faults: ShieldError[] = [];
  if (resolved.threat !== 'gray-box') {
    const [kind] = Object.keys(resolved.threat);
    faults.push(notYet(`threat ${kind}`, locate('threat')));
  }
  throwAll(faults);
}

function notYet(key: string, where: ReturnType<LoadedSpec['locate']>): ShieldError {
  const expected = 'leave it out; the documentation lists what this version does';
  return new ShieldError(
    'SPEC_INVALID_VALUE',
    { key, reason: 'is not supported by this version', expected },
    { where },
  );
}
