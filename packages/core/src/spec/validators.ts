import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { TSchema } from '@sinclair/typebox';
import { ShieldError, reasonOf } from '../errors/index.js';
import { fullOptionsSchema } from '../plugin/common-options.js';
import type { Plugin } from '../plugin/define.js';
import { ensembleSchema } from './ensemble-schema.js';
import { specSchema } from './schema.js';
import { sweepSchema } from './sweep-schema.js';

const compiled = new WeakMap<object, ValidateFunction>();

/** The validator of the spec's top level; it writes defaults into what it is given. */
export function specValidator(): ValidateFunction {
  return compile(specSchema, specSchema);
}

/** The validator of what an ensemble takes beside its `use`; it writes defaults into what it is given. */
export function ensembleValidator(): ValidateFunction {
  return compile(ensembleSchema, ensembleSchema);
}

/** The validator of what stands under `sweep:`; it writes defaults into what it is given. */
export function sweepValidator(): ValidateFunction {
  return compile(sweepSchema, sweepSchema);
}

/**
 * The validator of a plugin's options, without `use`: one a plugin, compiled when it is first asked for. It writes
 * defaults into what it is given.
 *
 * @throws PLUGIN_INVALID where the plugin's schema is not a strict JSON Schema
 */
export function optionsValidator(plugin: Plugin): ValidateFunction {
  try {
    return compile(plugin, fullOptionsSchema(plugin));
  } catch (error) {
    if (error instanceof ShieldError) throw error;
    const reason = `its options are no strict JSON Schema: ${reasonOf(error)}`;
    throw new ShieldError('PLUGIN_INVALID', { path: plugin.name, reason }, { cause: error });
  }
}

export type SchemaError = ErrorObject<string, Record<string, unknown>, unknown>;

let shared: Ajv | undefined;

/** One instance for all: what it costs to compile the meta-schema is paid once. */
function validatorCompiler(): Ajv {
  if (shared) return shared;
  shared = new Ajv({
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    allErrors: true,
    useDefaults: true,
    verbose: true,
    // The meta-schema takes long to compile, and strict mode with the keywords' own checks finds the same faults.
    validateSchema: false,
    // Plugins of two packages may give their schemas the same $id.
    addUsedSchema: false,
    // Each validator runs once or twice: optimizing its code costs more than it saves.
    code: { optimize: false },
  });
  // Read by the pipeline: an option that changes no result stays out of artifact keys.
  shared.addKeyword({ keyword: 'affectsResult', schemaType: 'boolean' });
  return shared;
}

function compile(key: object, schema: TSchema): ValidateFunction {
  const known = compiled.get(key);
  if (known) return known;
  const validate = validatorCompiler().compile(schema);
  compiled.set(key, validate);
  return validate;
}
