import { Type } from '@sinclair/typebox';

export const oneOf = <T extends string>(values: readonly T[], options: { description: string; default?: T }) =>
  Type.Union(
    values.map((value) => Type.Literal(value)),
    options,
  );

export const pluginUse = (description: string) =>
  Type.Object(
    { use: Type.String({ minLength: 1, description: `name of the plugin (shield plugins lists them)` }) },
    { description },
  );

/** Names of attacks and defenses stand in file names, metric keys and overrides. */
export const NAME_PATTERN = '^[A-Za-z][A-Za-z0-9_-]{0,63}$';

/** A plugin, or a list of them that images go through one after another: one schema, so that errors name one key. */
export const defenseUse = (description: string) =>
  Type.Unsafe<object>({
    type: ['object', 'array'],
    properties: pluginUse('').properties,
    required: ['use'],
    items: pluginUse('one of the defenses of a chain: { use: NAME, …its options }'),
    minItems: 1,
    description,
  });
