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

interface PropertySchema {
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

/** The options of a plugin, its own and the common ones, for the terminal and the generated pages. */
export function optionRows(plugin: Plugin): OptionRow[] {
  const schema = fullOptionsSchema(plugin) as unknown as {
    properties: Record<string, PropertySchema>;
    required?: string[];
  };
  return Object.entries(schema.properties).map(([name, property]) => ({
    name,
    default:
      property.default === undefined
        ? schema.required?.includes(name)
          ? 'required'
          : '–'
        : JSON.stringify(property.default),
    description: property.description ?? '',
    allowed: allowed(property),
  }));
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
