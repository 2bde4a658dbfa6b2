import { ShieldError, didYouMean } from '../errors/index.js';
import { describeSchema, showValue } from './describe-schema.js';
import { descriptionAt, keysAt, schemasAt, type SchemaNode } from './schema-walk.js';
import { asIndex, formatPath, locateKey, locateValue, type SpecNode, type SpecPath } from './tree.js';
import type { SchemaError } from './validators.js';

export interface SchemaErrorContext {
  readonly schema: SchemaNode;
  /** The composed spec, for places. */
  readonly tree: SpecNode;
  /** Where in the spec the validated value stands. */
  readonly at: SpecPath;
  /** More words that may stand there, for "did you mean". */
  readonly alsoKnown?: readonly string[];
}

/** What ajv found, as one readable error for each key or value that is wrong. */
export function schemaErrors(errors: readonly SchemaError[], context: SchemaErrorContext): ShieldError[] {
  const unions = errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf');
  const plain = errors.filter(
    (error) => !unions.some(({ schemaPath }) => error.schemaPath.startsWith(`${schemaPath}/`)) && !isInsideName(error),
  );
  const seen = new Set<string>();
  return plain.flatMap((error) => {
    const found = toShieldError(error, context);
    const place = `${found.code} ${found.params['key']}`;
    if (seen.has(place)) return [];
    seen.add(place);
    return [found];
  });
}

function toShieldError(error: SchemaError, context: SchemaErrorContext): ShieldError {
  const path = pointerPath(error.instancePath);
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey([...path, String(error.params['additionalProperty'])], context);
    case 'required':
      return missingKey([...path, String(error.params['missingProperty'])], context);
    case 'propertyNames':
      return invalidName([...path, String(error.params['propertyName'])], context);
    default:
      return invalidValue(path, error, context);
  }
}

function unknownKey(path: SpecPath, { schema, tree, at, alsoKnown = [] }: SchemaErrorContext): ShieldError {
  const full = [...at, ...path];
  const known = [...keysAt(schema, path.slice(0, -1)), ...alsoKnown];
  return new ShieldError(
    'SPEC_UNKNOWN_KEY',
    { key: formatPath(full), hint: didYouMean(String(path.at(-1)), known), known: known.join(', ') || 'none' },
    { where: locateKey(tree, full) },
  );
}

function missingKey(path: SpecPath, { schema, tree, at }: SchemaErrorContext): ShieldError {
  const full = [...at, ...path];
  const expected = descriptionAt(schema, path) ?? 'give it a value';
  return new ShieldError(
    'SPEC_MISSING_KEY',
    { key: formatPath(full), where: '', expected },
    { where: locateKey(tree, full.slice(0, -1)) },
  );
}

function invalidName(path: SpecPath, { tree, at }: SchemaErrorContext): ShieldError {
  const full = [...at, ...path];
  const expected = 'a name starts with a letter and holds letters, digits, dashes and underscores, at most 64';
  const key = formatPath(full);
  return new ShieldError(
    'SPEC_INVALID_VALUE',
    { key, reason: 'is no usable name', expected },
    { where: locateKey(tree, full) },
  );
}

function invalidValue(path: SpecPath, error: SchemaError, { schema, tree, at }: SchemaErrorContext): ShieldError {
  const full = [...at, ...path];
  const expected = descriptionAt(schema, path) ?? 'see shield plugins for the options of each plugin';
  const [own] = schemasAt(schema, path);
  const parent = (error.parentSchema ?? own ?? {}) as SchemaNode;
  const hint = yamlHint(error.data, own);
  const reason = `must be ${describeSchema(own ?? parent)} (it is ${showValue(error.data)}${hint})`;
  const key = formatPath(full) || 'the spec';
  return new ShieldError('SPEC_INVALID_VALUE', { key, reason, expected }, { where: locateValue(tree, full) });
}

/** Words that look right but are text to YAML 1.2. */
function yamlHint(data: unknown, schema: SchemaNode | undefined): string {
  if (typeof data !== 'string' || schema === undefined) return '';
  if (schema.type === 'boolean' && /^(yes|no|on|off)$/i.test(data)) return ', which is text in YAML 1.2';
  const isNumber = schema.type === 'number' || schema.type === 'integer';
  const fraction = /^\s*([\d.]+)\s*\/\s*([\d.]+)\s*$/.exec(data);
  if (isNumber && fraction) return fractionHint(fraction[1]!, fraction[2]!, schema);
  return isNumber && data.trim() !== '' && Number.isFinite(Number(data)) ? ', which is text' : '';
}

/** `8/255`, as other tools have it, is 8 where levels are asked for; elsewhere YAML does not divide. */
function fractionHint(dividend: string, divisor: string, { description = '' }: SchemaNode): string {
  return divisor === '255' && description.includes('0-255')
    ? `: write ${dividend}, which is ${dividend}/255 of the range`
    : ', which is text: YAML does not divide';
}

/** ajv reports what is wrong with a name beside the propertyNames error that sums it up. */
function isInsideName(error: SchemaError): boolean {
  return error.propertyName !== undefined && error.keyword !== 'propertyNames';
}

function pointerPath(pointer: string): (string | number)[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replace(/~1/g, '/').replace(/~0/g, '~'))
    .map((part) => asIndex(part) ?? part);
}
