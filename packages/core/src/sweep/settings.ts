import { throwAll } from '../errors/index.js';
import { specSchema } from '../spec/schema.js';
import { schemaErrors } from '../spec/schema-errors.js';
import type { SchemaNode } from '../spec/schema-walk.js';
import { child, emptyMap, removeIn, toPlain, type MapNode } from '../spec/tree.js';
import { sweepValidator, type SchemaError } from '../spec/validators.js';

/** How the cells of a sweep are run and compared; every default written out. */
export interface SweepSettings {
  readonly on_failure: 'continue' | 'stop';
  /** More attempts at a cell whose failure may pass. */
  readonly retries: number;
  /** Seconds before the first of them; twice as many before each further one. */
  readonly backoff: number;
  readonly metric?: string;
  readonly goal: 'max' | 'min';
}

const SETTINGS = ['on_failure', 'retries', 'backoff', 'metric', 'goal'];

/** The tree with nothing under `sweep:` but the swept values. */
export function withoutSettings(tree: MapNode): MapNode {
  return SETTINGS.reduce((left, key) => removeIn(left, ['sweep', key]) as MapNode, tree);
}

/**
 * Checks what stands under `sweep:`, all but the swept values.
 *
 * @param tree a composed spec
 * @throws everything that is wrong, at once
 */
export function readSettings(tree: MapNode): SweepSettings {
  const plain = toPlain(child(tree, 'sweep') ?? emptyMap(tree.where)) as SweepSettings;
  const validate = sweepValidator();
  if (!validate(plain)) {
    const schema = (specSchema as SchemaNode).properties!['sweep']!;
    throwAll(schemaErrors(validate.errors as SchemaError[], { schema, tree, at: ['sweep'] }));
  }
  const { on_failure, retries, backoff, metric, goal } = plain;
  return { on_failure, retries, backoff, ...(metric === undefined ? {} : { metric }), goal };
}
