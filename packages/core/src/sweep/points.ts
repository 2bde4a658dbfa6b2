import { ShieldError, gathered, type SourceLocation } from '../errors/index.js';
import { Random } from '../random/random.js';
import { child, fromPlain, toPlain, type MapNode, type SpecNode } from '../spec/tree.js';
import { invalid, needList, readAxis, type Axis, type Names } from './axes.js';
import { readConditions, type Condition } from './conditions.js';
import { readDistribution } from './distributions.js';
import { LongWork } from './long-work.js';
import { needMemory } from './plan-memory.js';

/** One swept key's value at one point. */
export interface Setting {
  readonly key: string;
  /** Of the key. */
  readonly where: SourceLocation;
  readonly value: SpecNode;
}

export type Point = readonly Setting[];

/** More cells than this are refused where nobody confirms them. */
export const MANY_CELLS = 100_000;

/** The parts of a sweep whose every combination is a point; each is a list of what is set together. */
type Factor = readonly Point[];

export interface PointOptions extends Names {
  /** The spec's, for `random` and `repeats`. */
  readonly seed: number;
  /** Values that the command line fixes, by key. */
  readonly fixed: ReadonlyMap<string, SpecNode>;
  /** Axes that the command line adds: each takes the place of the spec's of the same key. */
  readonly axes: readonly Axis[];
  /** Whether a sweep of more than {@link MANY_CELLS} cells is wanted. */
  readonly many: boolean;
  readonly work?: LongWork;
}

/**
 * Every point of a sweep in order, the last key changing fastest: the product of its grid, zip, list, random draws and
 * repeats, without what its conditions leave out.
 *
 * @param sweep what stands under `sweep:`, checked by its schema
 * @throws SWEEP_INVALID, SWEEP_EMPTY, SWEEP_TOO_LARGE, SWEEP_NO_MEMORY, SWEEP_UNKNOWN_KEY (in a condition)
 */
export async function readPoints(sweep: MapNode, options: PointOptions): Promise<Point[]> {
  const typed = new Set(options.axes.map(({ key }) => bareKey(key)));
  const parts = [
    () => gridFactors(sweep, options),
    () => zipFactor(sweep, options),
    () => listFactor(sweep),
    () => randomFactor(sweep, options.seed),
    () => repeatsFactor(sweep, options.seed),
  ];
  const written = gathered(parts, (part) => part())
    .flat()
    .flatMap((factor) => withoutTyped(factor, typed));
  const factors = [...written, ...options.axes.map(factorOf)].map((factor) => withFixed(factor, options.fixed));
  refuseTwice(factors);
  if (factors.length === 0) {
    const expected = 'write grid:, zip:, list:, random: or repeats: below it';
    throw new ShieldError('SWEEP_EMPTY', { reason: 'nothing is varied', expected }, { where: sweep.where });
  }
  const count = factors.reduce((product, { length }) => product * length, 1);
  if (count > MANY_CELLS && !options.many) {
    throw new ShieldError('SWEEP_TOO_LARGE', { cells: count.toLocaleString('en') }, { where: sweep.where });
  }
  const kept = conditions(sweep, [...new Set(factors.flatMap(keysOf))]);
  // How many the conditions leave is known when they were asked.
  if (!kept) needMemory(count);
  const { work = new LongWork() } = options;
  const points: Point[] = [];
  for (const point of product(factors)) {
    if (work.isDue) {
      needMemory(points.length);
      await work.turn();
    }
    if (!kept || kept(plainValues(point))) points.push(point);
  }
  if (points.length > 0) return points;
  const expected = 'loosen the conditions';
  const reason = `include and exclude leave none of ${count} cells`;
  throw new ShieldError('SWEEP_EMPTY', { reason, expected }, { where: sweep.where });
}

/** The values of a point by swept key, without the + of a new one. */
export function plainValues(point: Point): Record<string, unknown> {
  return Object.fromEntries(point.map(({ key, value }) => [bareKey(key), toPlain(value)]));
}

function* product(factors: readonly Factor[], from = 0): Generator<Point> {
  const [first, more] = [factors[from], from + 1];
  if (!first) {
    yield [];
    return;
  }
  for (const part of first) for (const rest of product(factors, more)) yield [...part, ...rest];
}

function gridFactors(sweep: MapNode, options: PointOptions): Factor[] {
  const written = entriesOf(child(sweep, 'grid'), 'grid');
  return gathered(written, ([key, node, where]) => factorOf(readAxis(key, node, where, options)));
}

function factorOf({ key, where, values }: Axis): Factor {
  return values.map((value) => [{ key, where, value }]);
}

function zipFactor(sweep: MapNode, options: PointOptions): Factor[] {
  const node = child(sweep, 'zip');
  const axes = gathered(entriesOf(node, 'zip'), ([key, each, where]) => readAxis(key, each, where, options));
  const [first] = axes;
  if (!first) return [];
  const other = axes.find(({ values }) => values.length !== first.values.length);
  if (other) {
    const lengths = `${first.key} has ${first.values.length} values and ${other.key} ${other.values.length}`;
    throw invalid('zip', `pairs lists of one length: ${lengths}`, 'give each key as many values', other.where);
  }
  return [first.values.map((_, i) => axes.map(({ key, where, values }) => ({ key, where, value: values[i]! })))];
}

function listFactor(sweep: MapNode): Factor[] {
  const node = child(sweep, 'list');
  if (!node) return [];
  const items = needList('list', node).items;
  if (items.length === 0) throw invalid('list', 'is empty', 'write one mapping or more', node.where);
  return [items.map((item) => entriesOf(item, 'list').map(([key, value, where]) => ({ key, where, value })))];
}

function randomFactor(sweep: MapNode, seed: number): Factor[] {
  const node = child(sweep, 'random');
  if (!node) return [];
  const drawn = entriesOf(node, 'random').filter(([key]) => key !== 'n');
  const draws = gathered(drawn, ([key, each, where]) => ({ key, where, draw: readDistribution(key, each) }));
  if (draws.length === 0)
    throw invalid('random', 'draws nothing', 'write KEY: { uniform: [low, high] } below it', node.where);
  const n = toPlain(child(node, 'n')!) as number;
  needMemory(n);
  // A stream for each draw: a larger n keeps the points that were there.
  return [
    Array.from({ length: n }, (_, i) =>
      draws.map(({ key, where, draw }) => ({ key, where, value: draw(new Random(seed, 'sweep', key, i)) })),
    ),
  ];
}

function repeatsFactor(sweep: MapNode, seed: number): Factor[] {
  const node = child(sweep, 'repeats');
  if (!node) return [];
  const { where } = node;
  const n = toPlain(node) as number;
  needMemory(n);
  return [Array.from({ length: n }, (_, i) => [{ key: 'seed', where, value: fromPlain(seed + i, where) }])];
}

/** What the command line sweeps is swept nowhere else: none, where a factor has no other keys. */
function withoutTyped(factor: Factor, typed: ReadonlySet<string>): Factor[] {
  if (!keysOf(factor).some((key) => typed.has(key))) return [factor];
  const left = distinct(factor.map((point) => point.filter(({ key }) => !typed.has(bareKey(key)))));
  return left.some((point) => point.length > 0) ? [left] : [];
}

/** What the command line fixes holds in every point; points that differed in that alone become one. */
function withFixed(factor: Factor, fixed: ReadonlyMap<string, SpecNode>): Factor {
  if (!factor.some((point) => point.some(({ key }) => fixed.has(bareKey(key))))) return factor;
  return distinct(
    factor.map((point) =>
      point.map((setting) => ({ ...setting, value: fixed.get(bareKey(setting.key)) ?? setting.value })),
    ),
  );
}

function distinct(factor: Factor): Factor {
  const seen = new Map<string, Point>();
  for (const point of factor) {
    const id = JSON.stringify(point.map(({ key, value }) => [key, toPlain(value)]));
    if (!seen.has(id)) seen.set(id, point);
  }
  return [...seen.values()];
}

function refuseTwice(factors: readonly Factor[]): void {
  const seen = new Set<string>();
  for (const factor of factors) {
    for (const key of keysOf(factor)) {
      const { where } = factor.flat().find((setting) => bareKey(setting.key) === key)!;
      const seeds = key === 'seed' ? ' (repeats sweep the seed)' : '';
      if (seen.has(key)) throw invalid(key, 'is swept twice', `name it in one part of the sweep${seeds}`, where);
      seen.add(key);
    }
  }
}

function keysOf(factor: Factor): string[] {
  return [...new Set(factor.flatMap((point) => point.map(({ key }) => bareKey(key))))];
}

function conditions(sweep: MapNode, keys: readonly string[]): Condition | undefined {
  const [include, exclude] = (['include', 'exclude'] as const).map((key) => {
    const node = child(sweep, key);
    return node && readConditions(key, node, keys);
  });
  if (!include && !exclude) return undefined;
  return (values) => (!include || include(values)) && !exclude?.(values);
}

function entriesOf(node: SpecNode | undefined, key: string): [string, SpecNode, SourceLocation][] {
  if (node === undefined) return [];
  if (node.kind !== 'map') throw invalid(key, 'must be a mapping', 'write KEY: value', node.where);
  return [...node.entries].map(([name, { node: value, keyWhere }]) => [name, value, keyWhere]);
}

/** A swept key without the + of a new one. */
export function bareKey(key: string): string {
  return key.replace(/^\+{1,2}/, '');
}
