import type { Random } from '../random/random.js';
import { child, fromPlain, toPlain, type SpecNode } from '../spec/tree.js';
import { invalid } from './axes.js';

/** Draws one value of a distribution. */
export type Draw = (random: Random) => SpecNode;

/** Significant digits of what is drawn: short enough to be read, and typed again. */
const DIGITS = 6;

/**
 * Reads `{ uniform: [low, high] }`, `{ loguniform: [low, high] }`, `{ normal: [mean, deviation] }`, `{ integer: [low,
 * high] }` (both ends included) or `{ choice: [values] }`.
 *
 * @throws SWEEP_INVALID
 */
export function readDistribution(key: string, node: SpecNode): Draw {
  const [name = '', given] = node.kind === 'map' && node.entries.size === 1 ? only(node) : [];
  const fail = (expected: string) => invalid(`random.${key}`, 'is no distribution that is known', expected, node.where);
  if (name === 'choice') {
    if (given?.kind !== 'list' || given.items.length === 0) throw fail('write choice: [value, …]');
    return (random) => given.items[random.integer(given.items.length)]!;
  }
  const pair = given === undefined ? [] : toPlain(given);
  const [a, b] = Array.isArray(pair) && pair.length === 2 && pair.every(Number.isFinite) ? (pair as number[]) : [];
  const put = (value: number) => fromPlain(Number(value.toPrecision(DIGITS)), node.where);
  const bounds = a !== undefined && b !== undefined && a < b ? ([a, b] as const) : undefined;
  switch (name) {
    case 'uniform':
      if (!bounds) throw fail('write uniform: [low, high], low below high');
      return (random) => put(bounds[0] + random.uniform() * (bounds[1] - bounds[0]));
    case 'loguniform':
      if (!bounds || bounds[0] <= 0) throw fail('write loguniform: [low, high], low above 0 and below high');
      return (random) => put(bounds[0] * (bounds[1] / bounds[0]) ** random.uniform());
    case 'integer':
      if (!bounds || !bounds.every(Number.isSafeInteger)) throw fail('write integer: [low, high], whole numbers');
      return (random) => fromPlain(bounds[0] + random.integer(bounds[1] - bounds[0] + 1), node.where);
    case 'normal':
      if (a === undefined || b === undefined || b < 0) throw fail('write normal: [mean, deviation]');
      return (random) => put(a + b * random.normal());
    default:
      throw fail('one of uniform, loguniform, normal, integer, choice');
  }
}

function only(node: SpecNode): [string, SpecNode] | [] {
  if (node.kind !== 'map') return [];
  const [key] = node.entries.keys();
  return key === undefined ? [] : [key, child(node, key)!];
}
