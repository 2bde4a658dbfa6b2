import { ShieldError, didYouMean, type SourceLocation } from '../errors/index.js';
import type { PluginRegistry } from '../plugin/registry.js';
import type { SourceReader } from '../spec/sources.js';
import { child, fromPlain, toPlain, type ListNode, type SpecNode } from '../spec/tree.js';

/** One swept key and the values that it takes. */
export interface Axis {
  readonly key: string;
  /** Of the key. */
  readonly where: SourceLocation;
  readonly values: readonly SpecNode[];
}

/** Where the names of whole plugins are found. */
export interface Names {
  readonly reader: SourceReader;
  readonly registry: PluginRegistry;
}

const FORMS = ['range', 'linspace', 'logspace', 'glob'] as const;
type Form = (typeof FORMS)[number];

const KINDS = ['dataset', 'model', 'attack', 'defense'] as const;
type Kind = (typeof KINDS)[number];

/** Significant digits that steps are rounded to: 0.1 + 0.2 is 0.3 to whoever wrote it. */
const DIGITS = 12;

/** A range of more values than this is a slip of the pen. */
const MANY_VALUES = 1_000_000;

/**
 * The values of one swept key: a list, one value, `{ range | linspace | logspace | glob: … }`, or a pattern for whole
 * plugins (`defense: configs/defense/jpeg-*`). Each keeps the place where it stands in the text.
 *
 * @throws SWEEP_INVALID, SWEEP_EMPTY
 */
export function readAxis(key: string, node: SpecNode, where: SourceLocation, names: Names): Axis {
  const kind = KINDS.find((each) => each === key.replace(/^\+{1,2}/, ''));
  const items = node.kind === 'list' ? node.items : [node];
  const values = items.flatMap((item) => {
    const [form, rest] = formOf(item);
    if (form === 'glob') return glob(key, kind, rest, child(item, 'exclude'), names);
    if (form) return numbers(key, form, rest);
    const isPattern = kind && item.kind === 'scalar' && typeof item.value === 'string' && /[*?]/.test(item.value);
    return isPattern ? glob(key, kind, item, undefined, names) : [item];
  });
  if (values.length > 0) return { key, where, values };
  throw new ShieldError(
    'SWEEP_EMPTY',
    { reason: `${key} has no values`, expected: 'give it one or more' },
    { where: node.where },
  );
}

/** `{ range: … }` and its like; a mapping of any other kind is a value. */
function formOf(node: SpecNode): [Form, SpecNode] | [undefined, SpecNode] {
  if (node.kind !== 'map') return [undefined, node];
  const form = FORMS.find((each) => node.entries.has(each));
  const alone = node.entries.size === (form === 'glob' && node.entries.has('exclude') ? 2 : 1);
  return form && alone ? [form, child(node, form)!] : [undefined, node];
}

function numbers(key: string, form: Exclude<Form, 'glob'>, node: SpecNode): SpecNode[] {
  const given = (node.kind === 'list' ? node.items.map(toPlain) : []) as unknown[];
  const finite = given.every((value): value is number => typeof value === 'number' && Number.isFinite(value));
  const fail = (expected: string) => invalid(`${key}.${form}`, 'cannot be read', expected, node.where);
  if (!finite) throw fail(`write ${form}: ${form === 'range' ? '[from, to, step]' : '[from, to, n]'}, all numbers`);
  const put = (value: number) => fromPlain(Number(value.toPrecision(DIGITS)), node.where);
  const atMost = (n: number) => {
    if (n > MANY_VALUES)
      throw fail(`write at most ${MANY_VALUES.toLocaleString('en')} values; it has ${n.toLocaleString('en')}`);
    return n;
  };
  if (form === 'range') {
    // As Python and Hydra have it: what stands alone is the end.
    const [from, to, step = 1] = given.length === 1 ? [0, ...given] : given;
    if (given.length < 1 || given.length > 3 || step === 0) throw fail('write range: [from, to, step], step not 0');
    // A step that ends on `to` but for rounding does not reach it.
    const n = Math.max(0, Math.ceil(Number(((to! - from!) / step).toPrecision(DIGITS))));
    return Array.from({ length: atMost(n) }, (_, i) => put(from! + i * step));
  }
  const [from, to, n] = given;
  if (given.length !== 3 || !Number.isInteger(n) || n! < 1)
    throw fail(`write ${form}: [from, to, n], n a whole number`);
  atMost(n!);
  const at = (i: number) => (n === 1 ? 0 : i / (n! - 1));
  if (form === 'linspace') return Array.from({ length: n! }, (_, i) => put(from! + at(i) * (to! - from!)));
  if (from! <= 0 || to! <= 0) throw fail('write logspace: [from, to, n] with from and to above 0: they are the ends');
  return Array.from({ length: n! }, (_, i) => put(from! * (to! / from!) ** at(i)));
}

/** The configs of a group whose names fit, else the plugins of the kind. */
function glob(
  key: string,
  kind: Kind | undefined,
  node: SpecNode,
  without: SpecNode | undefined,
  names: Names,
): SpecNode[] {
  const patterns = textsIn(node);
  const excluded = without === undefined ? [] : textsIn(without);
  if (!kind || !patterns || !excluded) {
    const expected = 'a pattern, or a list of them, chooses whole plugins: dataset, model, attack or defense';
    throw invalid(key, 'takes no such pattern', expected, node.where);
  }
  const [wanted, unwanted] = [patterns, excluded].map((list) => list.map((text) => stemOf(kind, text)));
  const fits = (name: string) => fitsAny(wanted!, name) && !fitsAny(unwanted!, name);
  const configs = names.reader.configNames(kind);
  const plugins = names.registry.list(kind).map(({ name }) => name);
  const found = [configs, plugins].map((list) => list.filter(fits)).find((list) => list.length > 0);
  if (found) return found.map((name) => fromPlain(name, node.where));
  const hint = didYouMean(wanted!.join(' ').replace(/[*?]/g, ''), configs);
  const expected = `known configs: ${configs.join(', ') || 'none'}`;
  throw new ShieldError(
    'SWEEP_EMPTY',
    { reason: `no ${kind} is named like ${patterns.join(' or ')}${hint}`, expected },
    { where: node.where },
  );
}

function textsIn(node: SpecNode): string[] | undefined {
  const values = [toPlain(node)].flat();
  return values.length > 0 && values.every((value) => typeof value === 'string') ? values : undefined;
}

/** `configs/defense/jpeg-*.yaml` → `jpeg-*` */
function stemOf(kind: Kind, pattern: string): string {
  return pattern
    .replace(/^(.*\/)?configs\//, '')
    .replace(new RegExp(`^${kind}/`), '')
    .replace(/\.ya?ml$/, '');
}

function fitsAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => {
    const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
    return new RegExp(`^${escaped.replace(/\*/g, '.*').replace(/\?/g, '.')}$`).test(name);
  });
}

/** @throws SWEEP_INVALID where it is no list */
export function needList(key: string, node: SpecNode): ListNode {
  if (node.kind === 'list') return node;
  throw invalid(key, 'must be a list', `write ${key}: [ … ]`, node.where);
}

export function invalid(key: string, reason: string, expected: string, where: SourceLocation): ShieldError {
  return new ShieldError('SWEEP_INVALID', { key, reason, expected }, { where });
}
