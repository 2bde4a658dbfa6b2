import { fullOptionsSchema } from '../plugin/common-options.js';
import type { Plugin } from '../plugin/define.js';

export interface OptionRow {
  readonly name: string;
  /** As YAML would have it; "required" where there is none. */
  readonly default: string;
  readonly description: string;
  /** The values that are taken: a range or a list of words; empty where the description says it all. */
  readonly allowed: string;
}

interface PropertySchema extends Partial<ObjectSchema> {
  readonly type?: string | readonly string[];
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly PropertySchema[];
}

interface ObjectSchema {
  readonly properties: Readonly<Record<string, PropertySchema>>;
  readonly required?: readonly string[];
}

/**
 * The options of a plugin, its own and the common ones, for the terminal and the generated pages; one that has options
 * of its own is told by these: `preprocess.crop`.
 */
export function optionRows(plugin: Plugin): OptionRow[] {
  return rowsOf(fullOptionsSchema(plugin) as unknown as ObjectSchema, '');
}

function rowsOf({ properties, required }: ObjectSchema, prefix: string): OptionRow[] {
  return Object.entries(properties).flatMap(([key, property]) => {
    const name = `${prefix}${key}`;
    if (property.properties) return rowsOf(property as ObjectSchema, `${name}.`);
    const missing = required?.includes(key) ? 'required' : '–';
    return [
      {
        name,
        default: property.default === undefined ? missing : JSON.stringify(property.default),
        description: property.description ?? '',
        allowed: allowed(property),
      },
    ];
  });
}

function allowed(schema: PropertySchema): string {
  if (schema.anyOf) return schema.anyOf.map((each) => allowed(each) || String(each.type ?? '')).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const low =
    schema.exclusiveMinimum !== undefined
      ? `> ${schema.exclusiveMinimum}`
      : schema.minimum !== undefined
        ? `≥ ${schema.minimum}`
        : '';
  const high =
    schema.exclusiveMaximum !== undefined
      ? `< ${schema.exclusiveMaximum}`
      : schema.maximum !== undefined
        ? `≤ ${schema.maximum}`
        : '';
  return [low, high].filter(Boolean).join(', ');
}
