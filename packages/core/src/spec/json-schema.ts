import { fullOptionsSchema } from '../plugin/common-options.js';
import type { PluginKind } from '../plugin/contracts.js';
import type { Plugin } from '../plugin/define.js';
import inline from '../plugin/inline.js';
import { ENSEMBLE, type PluginRegistry } from '../plugin/registry.js';
import { ensembleSchema } from './ensemble-schema.js';
import { NAME_PATTERN } from './schema-parts.js';
import { specSchema } from './schema.js';

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
  // Trackers that are plugins are the user's own: there is nothing to complete.
  const kinds: readonly PluginKind[] = ['dataset', 'model', 'attack', 'defense', 'executor'];
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
    defense: chainable('the one defense: { use: NAME, …its options }, or a list of such: a chain'),
    ensemble: { ...ensembleProperties(), description: 'the one ensemble: { members: […], vote: … }' },
  };
  const own: Record<string, JsonSchema> = {
    dataset: use('dataset', plain['dataset']!['description']),
    model: use('model', plain['model']!['description']),
    attacks: many('attack', plain['attacks']!['description']),
    defenses: {
      ...many('defense', plain['defenses']!['description']),
      additionalProperties: chainable(undefined, true),
    },
    threat: { ...plain['threat'] },
    execution: use('executor', plain['execution']!['description']),
    perform: { description: plain['perform']!['description'], anyOf: [loose(plain['perform']!), { type: 'string' }] },
  };
  const rest = Object.entries(plain).map(([key, schema]) => [key, own[key] ?? loose(schema)] as const);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'SHIELD spec',
    description: 'made of the schemas of the spec and of its plugins (shield plugins --schema)',
    type: 'object',
    additionalProperties: false,
    properties: { ...Object.fromEntries(rest), ...composed },
    definitions: { interpolation: { type: 'string', pattern: '\\$\\{' }, ...definitions },
  };
}

/** A defense, or a list of defenses; among the named ones also an ensemble. */
function chainable(description?: string, ensembles = false): JsonSchema {
  const one: JsonSchema = { $ref: '#/definitions/defense' };
  const isEnsemble: JsonSchema = { required: ['use'], properties: { use: { const: ENSEMBLE } } };
  const list: JsonSchema = { type: 'array', minItems: 1, items: one };
  const other: JsonSchema = { if: { type: 'array' }, then: list, else: one };
  return {
    ...(description === undefined ? {} : { description }),
    ...(ensembles ? { if: { type: 'object', ...isEnsemble }, then: ensembleProperties(true), else: other } : other),
  };
}

function ensembleProperties(withUse = false): JsonSchema {
  const plain = JSON.parse(JSON.stringify(ensembleSchema.properties)) as Record<string, JsonSchema>;
  const member = plain['members']!['items'] as { properties: Record<string, JsonSchema> };
  const { name, defense, model } = member.properties;
  const properties: Record<string, JsonSchema> = {
    name: loose(name!),
    defense: chainable(defense!['description'] as string),
    model: { description: model!['description'], allOf: [{ $ref: '#/definitions/model' }] },
  };
  return {
    type: 'object',
    properties: {
      ...(withUse ? { use: true } : {}),
      vote: loose(plain['vote']!),
      members: { ...plain['members'], items: { type: 'object', properties, additionalProperties: false } },
    },
    additionalProperties: false,
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
      use: {
        anyOf: [{ enum: kind === 'defense' ? [...names, ENSEMBLE] : names }, { type: 'string' }],
        description: `name of the ${kind} plugin`,
      },
      // It may go without a name.
      ...(kind === 'executor' ? optionProperties(inline) : {}),
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
  const { eps } = properties;
  return {
    ...Object.fromEntries(Object.entries(properties).map(([key, schema]) => [key, loose(schema)])),
    ...(plugin.kind === 'attack' && eps && isNumber(eps) ? { eps: oneOrMore(eps) } : {}),
  };
}

function isNumber({ type }: JsonSchema): boolean {
  return type === 'number' || type === 'integer';
}

/** A value, or a list that makes attacks of their own of it; see `expandEpsLists`. */
function oneOrMore(schema: JsonSchema): JsonSchema {
  const { anyOf, ...rest } = loose(schema) as { readonly anyOf: readonly JsonSchema[] };
  const list: JsonSchema = { type: 'array', minItems: 1, uniqueItems: true, items: { anyOf } };
  return { ...rest, anyOf: [...anyOf, list] };
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
