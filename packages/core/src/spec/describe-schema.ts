import type { SchemaNode } from './schema-walk.js';

/** A schema in words, to go after "must be": "a number ≥ 0", "one of round, truncate", "a list of whole numbers ≥ 1". */
export function describeSchema(schema: SchemaNode): string {
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches) return describeUnion(branches);
  if (schema.const !== undefined) return literal(schema.const);
  if (schema.enum) return oneOf(schema.enum.map(literal));
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  return oneOf(types.map((type) => describeType(type, schema))) || 'something else';
}

/** A value as an error message shows it: strings in quotes, long ones cut. */
export function showValue(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `the list ${cut(JSON.stringify(value))}`;
  if (typeof value === 'object')
    return Object.keys(value).length === 0 ? 'an empty mapping' : `the mapping ${cut(JSON.stringify(value))}`;
  return cut(JSON.stringify(value));
}

function describeUnion(branches: readonly SchemaNode[]): string {
  const constants = branches.filter((branch) => branch.const !== undefined).map((branch) => literal(branch.const));
  const others = branches.filter((branch) => branch.const === undefined).map(describeSchema);
  if (others.length === 0) return oneOf(constants);
  return [...constants, ...others].join(' or ');
}

function describeType(type: string, schema: SchemaNode): string {
  switch (type) {
    case 'number':
      return `a number${range(schema)}`;
    case 'integer':
      return `a whole number${range(schema)}`;
    case 'boolean':
      return 'true or false';
    case 'string':
      return schema.pattern ? `text like ${schema.pattern}` : schema.minLength ? 'text that is not empty' : 'text';
    case 'array':
      return describeList(schema);
    case 'object': {
      const keys = Object.keys(schema.properties ?? {});
      return keys.length === 0
        ? 'a mapping'
        : `a mapping { ${keys.slice(0, 3).join(': …, ')}: …${keys.length > 3 ? ', …' : ''} }`;
    }
    case 'null':
      return 'empty';
    default:
      return type;
  }
}

function describeList(schema: SchemaNode): string {
  const items =
    schema.items !== undefined && !Array.isArray(schema.items)
      ? ` (each ${describeSchema(schema.items as SchemaNode)})`
      : '';
  const { minItems = 0, maxItems } = schema;
  const count = maxItems === minItems ? ` of ${minItems}` : minItems > 0 ? ` of at least ${minItems}` : '';
  const most = maxItems !== undefined && maxItems !== minItems ? ` of at most ${maxItems}` : '';
  return `a list${count}${most}${schema.uniqueItems ? ' without repeats' : ''}${items}`;
}

function range(schema: SchemaNode): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const steps = multipleOf === undefined ? '' : `, a multiple of ${multipleOf}`;
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}${steps}`;
  const low = exclusiveMinimum !== undefined ? `> ${exclusiveMinimum}` : minimum !== undefined ? `≥ ${minimum}` : '';
  const high = exclusiveMaximum !== undefined ? `< ${exclusiveMaximum}` : maximum !== undefined ? `≤ ${maximum}` : '';
  const both = [low, high].filter(Boolean).join(' and ');
  return (both && ` ${both}`) + steps;
}

function literal(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function oneOf(words: readonly string[]): string {
  return words.length > 1 ? `one of ${words.join(', ')}` : (words[0] ?? '');
}

function cut(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
