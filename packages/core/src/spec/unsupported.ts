import { ShieldError, type SourceLocation } from '../errors/index.js';
import { LATER_KEYS } from './schema.js';
import { child, locateKey, type MapNode } from './tree.js';

/** Words of the grammar that name what this version does not do yet, as far as they stand in the spec as written. */
export function unsupportedKeys(tree: MapNode): ShieldError[] {
  return LATER_KEYS.filter((key) => child(tree, key) !== undefined).map((key) => notYet(key, locateKey(tree, [key])));
}

function notYet(key: string, where: SourceLocation): ShieldError {
  const expected = 'leave it out; the documentation lists what this version does';
  return new ShieldError(
    'SPEC_INVALID_VALUE',
    { key, reason: 'is not supported by this version', expected },
    { where },
  );
}
