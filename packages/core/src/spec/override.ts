import { ShieldError } from '../errors/index.js';
import { parseYaml } from './parse-yaml.js';
import { pythonLiteralToYaml } from './python-literal.js';
import { COMMAND_LINE, parsePath, type SpecNode } from './tree.js';

/**
 * One override as it was typed. `set` changes a key that is known, `add` one that is not written yet, `put` either
 * (Hydra's `++`), `remove` takes a key away; `options` is the original's `attack_options="{'eps': 16}"`.
 */
export type Override = {
  readonly text: string;
  readonly path: readonly string[];
} & (
  | { readonly action: 'set' | 'add' | 'put'; readonly value: SpecNode }
  | { readonly action: 'options'; readonly value: SpecNode }
  | { readonly action: 'remove' }
);

/**
 * `key=value`, `+key=value`, `++key=value`, `~key`. Keys are dotted paths with list indices (`qualities.0` or
 * `qualities[0]`); values are YAML. `key=` gives an empty text, as in Hydra.
 *
 * @throws OVERRIDE_SYNTAX
 */
export function parseOverride(text: string): Override {
  const sign = /^(\+\+|\+|~)?/.exec(text)![1] ?? '';
  const body = text.slice(sign.length);
  const equals = body.indexOf('=');
  const key = (equals < 0 ? body : body.slice(0, equals)).trim();
  const path = parsePath(key);
  if (path === undefined) throw fault(text, key === '' ? 'it has no key' : `"${key}" is no key`);
  if (sign === '~') {
    if (equals >= 0) throw fault(text, '~ removes a key and takes no value');
    return { text, path, action: 'remove' };
  }
  if (equals < 0) throw fault(text, 'it has no value');
  const written = body.slice(equals + 1);
  const options = /^(attack|defense|model|dataset)_options$/.exec(key);
  if (options) return { text, path: [options[1]!], action: 'options', value: readOptions(text, written) };
  const action = ({ '': 'set', '+': 'add', '++': 'put' } as const)[sign as '' | '+' | '++'];
  return { text, path, action, value: readValue(text, written) };
}

function readValue(text: string, written: string): SpecNode {
  if (written === '') return { kind: 'scalar', value: '', where: COMMAND_LINE };
  try {
    return parseYaml(written, () => COMMAND_LINE) ?? { kind: 'scalar', value: null, where: COMMAND_LINE };
  } catch (error) {
    const reason =
      error instanceof Error ? error.message.split('\n', 1)[0]!.replace(/^not valid YAML: /, '') : String(error);
    throw fault(text, `its value is not YAML (${reason})`);
  }
}

function readOptions(text: string, written: string): SpecNode {
  const value = readValue(text, pythonLiteralToYaml(written));
  if (value.kind !== 'map') throw fault(text, "its value must be a mapping such as {'eps': 16}");
  return value;
}

function fault(text: string, reason: string): ShieldError {
  return new ShieldError('OVERRIDE_SYNTAX', { text, reason }, { where: COMMAND_LINE });
}
