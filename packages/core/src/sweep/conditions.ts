import { ShieldError, didYouMean } from '../errors/index.js';
import { canonicalJson } from '../spec/canonical.js';
import { toPlain, type SpecNode } from '../spec/tree.js';
import { parseCondition } from '../tracking/run-query.js';
import { invalid } from './axes.js';

/** Whether a point, given as its plain values by swept key, is meant. */
export type Condition = (values: Readonly<Record<string, unknown>>) => boolean;

/**
 * The conditions of `include` or `exclude`: texts such as `defense.quality<40 and attack=cw_l2`, or mappings
 * `{ attack: cw_l2, defense.quality: [20, 30] }`. A point is meant that meets any of them; a key that it does not have
 * meets nothing.
 *
 * @param known keys that are swept
 * @throws SWEEP_INVALID; SWEEP_UNKNOWN_KEY for a key that is not swept
 */
export function readConditions(key: 'include' | 'exclude', node: SpecNode, known: readonly string[]): Condition {
  const items = node.kind === 'list' ? node.items : [node];
  const conditions = items.map((item) => readOne(key, item, known));
  return (values) => conditions.some((condition) => condition(values));
}

function readOne(key: string, node: SpecNode, known: readonly string[]): Condition {
  const mustBeSwept = (name: string) => {
    if (known.includes(name)) return;
    const params = { key: name, reason: 'is not swept', hint: didYouMean(name, known), known: known.join(', ') };
    throw new ShieldError('SWEEP_UNKNOWN_KEY', params, { where: node.where });
  };
  if (node.kind === 'map') {
    const wanted = Object.entries(toPlain(node) as Record<string, unknown>);
    for (const [name] of wanted) mustBeSwept(name);
    return (values) =>
      wanted.every(([name, value]) => {
        const any = Array.isArray(value) ? (value as unknown[]) : [value];
        return name in values && any.some((each) => same(each, values[name]));
      });
  }
  const text = node.kind === 'scalar' ? String(node.value) : undefined;
  if (text === undefined) throw invalid(key, 'must hold conditions', 'write "KEY>=value and KEY=value"', node.where);
  const tests = text.split(/\s+and\s+|\s*&&\s*/).map((part) => {
    const condition = parseCondition(part);
    if (typeof condition === 'string') {
      throw invalid(
        key,
        `holds what is no condition: ${condition}`,
        'write KEY=value, with one of = != < <= > >= ~',
        node.where,
      );
    }
    mustBeSwept(condition.key);
    return condition;
  });
  return (values) => tests.every(({ key: name, holds }) => name in values && holds(values[name]));
}

function same(a: unknown, b: unknown): boolean {
  return canonicalJson(a) === canonicalJson(b);
}
