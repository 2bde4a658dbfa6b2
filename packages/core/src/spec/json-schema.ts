import { fullOptionsSchema } from '../plugin/common-options.js';
import type { PluginKind } from '../plugin/contracts.js';
import type { Plugin } from '../plugin/define.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { NAME_PATTERN, specSchema } from './schema.js';

export type JsonSchema = { readonly [keyword: string]: unknown };

/** Any value may be an interpolation, whatever its type. */
const INTERPOLATION: JsonSchema = { $ref: '#/definitions/interpolation' };

/**
 * The JSON Schema (draft 7) of specs, for editors: it completes and explains keys and plugin options while one types.
 * It is laxer than the program, which sees the composed spec: nothing is required here (config groups may bring it), and
 * any value may be `${…}`.
 */
export function specJsonSchema(registry: PluginRegistry): JsonSchema {
  const plain = JSON.parse(JSON.stringify(specSchema.properties)) as Record<string, JsonSchema>;
  const kinds: readonly PluginKind[] = ['dataset', 'model', 'attack', 'defense'];
  const definitions = Object.fromEntries(kinds.map((kind) => [kind, pluginSchema(kind, registry)]));
  const use = (kind: PluginKind, description: unknown): JsonSchema => ({
    description,
    allOf: [{ $ref: `#/definitions/${kind}` }],
  });
  const many = (kind: PluginKind, description: unknown): JsonSchema => ({
    description,
    type: 'object',
    propertyNames: { pattern: NAME_PATTERN },
    additionalProperties: { $ref: `#/definitions/${kind}` },
  });
  const composed: Record<string, JsonSchema> = {
    defaults: {
      type: 'array',
      items: { anyOf: [{ type: 'string' }, { type: 'object', minProperties: 1, maxProperties: 1 }] },
      description:
        'config groups that are composed, group/name; later ones win, and the keys of this file over all of them',
    },
    attack: use('attack', 'the one attack: { use: NAME, …its options }'),
    defense: use('defense', 'the one defense: { use: NAME, …its options }'),
  };
  const own: Record<string, JsonSchema> = {
    dataset: use('dataset', plain['dataset']!['description']),
    model: use('model', plain['model']!['description']),
    attacks: many('attack', plain['attacks']!['description']),
    defenses: many('defense', plain['defenses']!['description']),
    threat: { ...plain['threat'] },
    perform: { description: plain['perform']!['description'], anyOf: [loose(plain['perform']!), { type: 'string' }] },
  };
  const rest = Object.entries(plain).map(([key, schema]) => [key, own[key] ?? loose(schema)] as const);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'SHIELD spec',
    description: 'written by `shield docs` from the schemas of the spec and of the built-in plugins',
    type: 'object',
    additionalProperties: false,
    properties: { ...Object.fromEntries(rest), ...composed },
    definitions: { interpolation: { type: 'string', pattern: '\\$\\{' }, ...definitions },
  };
}

/** `use` picks the plugin; the options that may stand beside it are those of that plugin. */
function pluginSchema(kind: PluginKind, registry: PluginRegistry): JsonSchema {
  const plugins: Plugin[] = registry.list(kind);
  const names = plugins.flatMap((plugin) => [plugin.name, ...(plugin.aliases ?? [])]);
  return {
    type: 'object',
    properties: {
      // Third-party plugins have names of their own: the list is for completion, and refuses nothing.
      use: { anyOf: [{ enum: names }, { type: 'string' }], description: `name of the ${kind} plugin` },
    },
    allOf: plugins.map((plugin) => ({
      if: { required: ['use'], properties: { use: { enum: [plugin.name, ...(plugin.aliases ?? [])] } } },
      then: {
        description: plugin.summary,
        properties: { use: true, ...optionProperties(plugin) },
        additionalProperties: false,
      },
    })),
  };
}

function optionProperties(plugin: Plugin): JsonSchema {
  const { properties } = JSON.parse(JSON.stringify(fullOptionsSchema(plugin))) as {
    properties: Record<string, JsonSchema>;
  };
  return Object.fromEntries(Object.entries(properties).map(([key, schema]) => [key, loose(schema)]));
}

/** The schema with `${…}` allowed for the value, and for values within it. */
function loose(schema: JsonSchema): JsonSchema {
  const { description, default: byDefault, ...others } = schema;
  const rest: JsonSchema = Object.fromEntries(
    Object.entries(others).filter(([key]) => key !== 'affectsResult' && key !== 'required'),
  );
  const inner: Record<string, unknown> = { ...rest };
  const properties = rest['properties'] as Record<string, JsonSchema> | undefined;
  if (properties)
    inner['properties'] = Object.fromEntries(Object.entries(properties).map(([key, each]) => [key, loose(each)]));
  if (rest['type'] === 'array' && rest['items'] && !Array.isArray(rest['items']))
    inner['items'] = loose(rest['items'] as JsonSchema);
  return {
    ...(description === undefined ? {} : { description }),
    ...(byDefault === undefined ? {} : { default: byDefault }),
    ...(rest['type'] === 'string' && !('pattern' in rest) ? inner : { anyOf: [inner, INTERPOLATION] }),
  };
}
