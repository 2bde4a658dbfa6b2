import { parseOverride, type Override } from '../spec/override.js';
import { COMMAND_LINE, emptyMap, fromPlain, setIn, type SpecNode } from '../spec/tree.js';
import { invalid, readAxis, type Axis, type Names } from './axes.js';

/** What was typed: overrides that hold for all cells, and keys that are swept. */
export interface Multirun {
  readonly fixed: readonly string[];
  readonly axes: readonly Axis[];
}

/** Hydra's words for what is swept. */
const FUNCTION = /^([a-z]+)\((.*)\)$/s;

const ASSIGNMENT = /^(\+{0,2})([^=~+][^=]*)=(.*)$/s;

/** Words of Hydra's that a sweep of all combinations has no use for, or has another way for. */
const REFUSED: Readonly<Record<string, string>> = {
  interval: 'write random: { n: …, KEY: { uniform: [low, high] } } in the spec',
  shuffle: 'cells are run in any order; leave the function out',
  sort: 'write the values in the order that is wanted',
  tag: 'leave the function out',
};

/**
 * Reads `key=a,b,c` as Hydra's multirun does, and its `choice(a,b)`, `range(from,to,step)` and `glob(pattern)`. What has
 * one value is an override like any other.
 *
 * @throws OVERRIDE_SYNTAX, SWEEP_INVALID, SWEEP_EMPTY
 */
export function readMultirun(texts: readonly string[], names: Names): Multirun {
  const fixed: string[] = [];
  const axes: Axis[] = [];
  for (const text of texts) {
    const [, sign, key, value] = ASSIGNMENT.exec(text) ?? [];
    const swept = value === undefined ? undefined : sweptValue(key!, value);
    if (!swept) {
      fixed.push(text);
      continue;
    }
    // For what is wrong with the key.
    const { path } = parseOverride(`${sign}${key}=0`);
    axes.push(readAxis(sign + path.join('.'), swept, COMMAND_LINE, names));
  }
  return { fixed, axes };
}

/** Whether an override would be swept with -m. */
export function isSwept(text: string): boolean {
  const [, , key, value] = ASSIGNMENT.exec(text) ?? [];
  try {
    return value !== undefined && sweptValue(key!, value) !== undefined;
  } catch {
    return false;
  }
}

/** The axis that a value stands for; undefined for one value. */
function sweptValue(key: string, text: string): SpecNode | undefined {
  const [, name = '', rest = ''] = FUNCTION.exec(text.trim()) ?? [];
  const parts = splitAtCommas(rest);
  switch (name) {
    case 'choice':
      return list(parts);
    case 'range':
      return form(name, list(inOrder(key, parts, ['start', 'stop', 'step'])));
    case 'linspace':
    case 'logspace':
      return form(name, list(parts));
    case 'glob':
      return globOf(parts);
  }
  const advice = REFUSED[name];
  if (advice !== undefined)
    throw invalid(key, `uses ${name}(), which shield sweep does not know`, advice, COMMAND_LINE);
  const values = splitAtCommas(text);
  return values.length > 1 ? list(values) : undefined;
}

function form(name: string, value: SpecNode): SpecNode {
  return setIn(emptyMap(COMMAND_LINE), [name], value);
}

/** Arguments of a function in the order of their names; those that bear none stand where they stand. */
function inOrder(key: string, parts: readonly string[], names: readonly string[]): string[] {
  const values: string[] = [];
  for (const [i, part] of parts.entries()) {
    const [, name, value] = /^\s*([a-z]+)\s*=(.*)$/s.exec(part) ?? [];
    const at = name === undefined ? i : names.indexOf(name);
    if (at < 0) throw invalid(key, `names an unknown argument (${name})`, `known: ${names.join(', ')}`, COMMAND_LINE);
    values[at] = value ?? part;
  }
  // range(stop=9): what it starts from has a default.
  if (values[0] === undefined && values.length > 1) values[0] = '0';
  return values;
}

/** `glob(a*)`, `glob([a*, b*], exclude=c*)` */
function globOf(parts: readonly string[]): SpecNode {
  const isExclude = /^\s*exclude\s*=/;
  const texts = (some: readonly string[]) =>
    some.flatMap((part) => splitAtCommas(part.trim().replace(/^\[(.*)\]$/s, '$1'))).map(unquoted);
  const patterns = form('glob', fromPlain(texts(parts.filter((part) => !isExclude.test(part))), COMMAND_LINE));
  const excluded = parts.filter((part) => isExclude.test(part)).map((part) => part.replace(isExclude, ''));
  if (excluded.length === 0) return patterns;
  return setIn(patterns, ['exclude'], fromPlain(texts(excluded), COMMAND_LINE));
}

function unquoted(text: string): string {
  return text.trim().replace(/^(['"])(.*)\1$/s, '$2');
}

function list(parts: readonly string[]): SpecNode {
  const items = parts.map((part) => {
    const override: Override = parseOverride(`value=${part.trim()}`);
    return 'value' in override ? override.value : scalar('');
  });
  return { kind: 'list', items, where: COMMAND_LINE };
}

function scalar(value: string): SpecNode {
  return fromPlain(value, COMMAND_LINE);
}

/** At the commas that stand in no bracket and no quotes. */
function splitAtCommas(text: string): string[] {
  const parts = [''];
  let depth = 0;
  let quote = '';
  for (const letter of text) {
    if (quote) quote = letter === quote ? '' : quote;
    else if (letter === '"' || letter === "'") quote = letter;
    else if ('([{'.includes(letter)) depth++;
    else if (')]}'.includes(letter)) depth--;
    else if (letter === ',' && depth === 0) {
      parts.push('');
      continue;
    }
    parts.push(parts.pop()! + letter);
  }
  return parts;
}
