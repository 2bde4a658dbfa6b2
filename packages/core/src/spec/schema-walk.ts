import type { SpecPath } from './tree.js';

/** What this project reads of a JSON Schema (TypeBox schemas are such). */
export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: boolean | SchemaNode;
  readonly required?: readonly string[];
  readonly items?: SchemaNode | readonly SchemaNode[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minLength?: number;
  readonly maxLength?: number;
}

/** The schemas of the value that `path` leads to: none where the schema does not know it, several for unions. */
export function schemasAt(schema: SchemaNode, path: SpecPath): SchemaNode[] {
  const [key, ...rest] = path;
  if (key === undefined) return [schema];
  const below: SchemaNode[] = [];
  const own = schema.properties?.[key];
  if (own && Object.hasOwn(schema.properties ?? {}, key)) below.push(own);
  else {
    for (const [pattern, each] of Object.entries(schema.patternProperties ?? {})) {
      if (new RegExp(pattern).test(String(key))) below.push(each);
    }
    if (typeof schema.additionalProperties === 'object') below.push(schema.additionalProperties);
  }
  if (schema.items !== undefined && /^\d+$/.test(String(key))) {
    const item = Array.isArray(schema.items)
      ? (schema.items as SchemaNode[])[Number(key)]
      : (schema.items as SchemaNode);
    if (item) below.push(item);
  }
  const branches = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((branch) => schemasAt(branch, path));
  return [...below.flatMap((each) => schemasAt(each, rest)), ...branches];
}

/** What the option at `path` means: its own description, or that of the nearest thing around it. */
export function descriptionAt(schema: SchemaNode, path: SpecPath): string | undefined {
  for (let length = path.length; length >= 0; length--) {
    const found = schemasAt(schema, path.slice(0, length)).find((each) => each.description !== undefined);
    if (found) return found.description;
  }
  return undefined;
}

/** The keys that a mapping at `path` may have. */
export function keysAt(schema: SchemaNode, path: SpecPath): string[] {
  return [...new Set(schemasAt(schema, path).flatMap(keysOf))];
}

function keysOf(schema: SchemaNode): string[] {
  return [
    ...Object.keys(schema.properties ?? {}),
    ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap(keysOf),
  ];
}

/** The default of the value at `path`, with the defaults inside it; undefined where there is none. */
export function defaultAt(schema: SchemaNode, path: SpecPath): unknown {
  for (let length = path.length; length >= 0; length--) {
    for (const each of schemasAt(schema, path.slice(0, length))) {
      if (each.default === undefined) continue;
      const rest = path.slice(length);
      const found = rest.reduce<unknown>(member, withInnerDefaults(each));
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function withInnerDefaults(schema: SchemaNode): unknown {
  const value = schema.default;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const inner = Object.entries(schema.properties ?? {})
    .filter(([, property]) => property.default !== undefined)
    .map(([key, property]) => [key, withInnerDefaults(property)] as const);
  return { ...Object.fromEntries(inner), ...value };
}

function member(value: unknown, key: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string | number, unknown>)[key];
}
