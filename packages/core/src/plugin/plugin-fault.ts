import type { PluginKind } from './contracts.js';
import type { Plugin } from './define.js';

type Field = readonly [name: string, holds: (value: unknown) => boolean, what: string];

const method = (name: string): Field => [name, (value) => typeof value === 'function', 'a function'];
const flag = (name: string): Field => [name, (value) => typeof value === 'boolean', 'true or false'];
const word = (name: string, ...words: readonly string[]): Field => [
  name,
  (value) => words.some((each) => each === value),
  `one of ${words.join(', ')}`,
];

/** What must stand in a definition of each kind beside its name, its summary and its options. */
const FIELDS: Readonly<Record<PluginKind, readonly Field[]>> = {
  attack: [
    method('run'),
    method('cost'),
    word('norm', 'l0', 'l1', 'l2', 'linf', 'none'),
    word('needs', 'gradients', 'logits', 'labels', 'nothing'),
    flag('targeted'),
    flag('random'),
  ],
  defense: [
    method('apply'),
    word('takes', 'bytes', 'floats'),
    [
      'gradient',
      (value) => value === 'straight-through' || typeof value === 'function',
      "'straight-through' or a function",
    ],
    flag('random'),
  ],
  model: [method('load')],
  dataset: [method('open')],
  tracker: [method('open')],
  executor: [method('open')],
};

/** What a plugin got wrong that its types tell an editor; nothing checks types when a file is loaded as it is. */
export function pluginFault(plugin: Plugin): string | undefined {
  const names: unknown[] = [plugin.name, ...(plugin.aliases ?? [])];
  const bad = names.find((name) => typeof name !== 'string' || !/^[a-z][a-z0-9_]*$/.test(name));
  if (bad !== undefined) return `the name ${JSON.stringify(bad)} is not snake_case`;
  const given = plugin as unknown as Readonly<Record<string, unknown>>;
  const fields: readonly Field[] = [
    ...FIELDS[plugin.kind],
    ['summary', (value) => typeof value === 'string', 'a line of text'],
  ];
  for (const [field, holds, what] of fields) {
    const value = given[field];
    if (holds(value)) continue;
    if (value === undefined) return `${plugin.name} has no ${field}, which must be ${what}`;
    return `${field} of ${plugin.name} must be ${what} (it is ${typeof value === 'string' ? `"${value}"` : typeof value})`;
  }
  const options: unknown = plugin.options;
  const isObject = typeof options === 'object' && options !== null && 'properties' in options && 'type' in options;
  if (!isObject || options.type !== 'object') return `the options of ${plugin.name} are no object schema (Type.Object)`;
  return undefined;
}
