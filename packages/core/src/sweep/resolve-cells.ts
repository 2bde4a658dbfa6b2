import { ShieldError, throwAll } from '../errors/index.js';
import type { PluginRegistry } from '../plugin/registry.js';
import type { OpenSpec } from '../spec/load-spec.js';
import { parseOverride, type Override } from '../spec/override.js';
import { parsePath, toPlain, type SpecNode } from '../spec/tree.js';
import { CellFaults, atItsKey, faultsOf } from './cell-faults.js';
import { cellKey } from './cell-key.js';
import type { LongWork } from './long-work.js';
import { PlanMemory } from './plan-memory.js';
import type { SweepCell } from './plan.js';
import { bareKey, plainValues, type Point, type Setting } from './points.js';

/**
 * @throws all that is wrong, of all cells at once; what is wrong with each of them alike, since the spec says so, once;
 *   SWEEP_NO_MEMORY; the reason of an aborted signal
 */
export async function resolveCells(
  open: OpenSpec,
  points: readonly Point[],
  registry: PluginRegistry,
  work: LongWork,
): Promise<SweepCell[]> {
  const cells: SweepCell[] = [];
  const memory = new PlanMemory(points.length);
  const faults = new CellFaults(points.length);
  const overridesOf = new Map<Setting, Override>();
  for (const [i, point] of points.entries()) {
    memory.at(i);
    if (work.isDue) await work.turn(i, points.length);
    const overrides = point.map((setting) => {
      let override = overridesOf.get(setting);
      if (!override) overridesOf.set(setting, (override = overrideOf(setting)));
      return override;
    });
    const texts = overrides.map(({ text }) => text);
    try {
      const { resolved, hash } = await open.load(overrides);
      const params = await paramsOf(open, point, overrides);
      cells.push({ cell: i + 1, params, overrides: texts, resolved, hash, key: cellKey(hash, resolved, registry) });
    } catch (error) {
      const found = await faultsOf(open, overrides, error);
      const atKeys = found.map((fault) => atItsKey(fault, point, overrides));
      faults.add(texts.join(' '), atKeys);
    }
  }
  throwAll(await faults.told(open));
  refuseEqual(cells, points);
  return cells;
}

/** The values of a point; what `${…}` stands for instead of the expression. */
async function paramsOf(
  open: OpenSpec,
  point: Point,
  overrides: readonly Override[],
): Promise<Record<string, unknown>> {
  const params = plainValues(point);
  for (const [i, { key, value }] of point.entries()) {
    if (!hasExpression(value)) continue;
    const node = await open.interpolated(overrides[i]!.path, overrides);
    if (node) params[bareKey(key)] = toPlain(node);
  }
  return params;
}

function hasExpression(node: SpecNode): boolean {
  if (node.kind === 'scalar') return typeof node.value === 'string' && node.value.includes('${');
  const parts = node.kind === 'list' ? node.items : [...node.entries.values()].map(({ node: member }) => member);
  return parts.some(hasExpression);
}

/** @throws SWEEP_INVALID for what is no key */
function overrideOf({ key, where, value }: Setting): Override {
  const [, sign, name] = /^(\+{0,2})(.*)$/s.exec(key)!;
  const path = parsePath(name!);
  if (!path || path[0] === 'sweep') {
    const expected = 'write a key of the spec, such as defense.quality';
    throw new ShieldError('SWEEP_INVALID', { key, reason: 'is no key that can be swept', expected }, { where });
  }
  const action = ({ '': 'set', '+': 'add', '++': 'put' } as const)[sign as '' | '+' | '++'];
  return { text: `${key}=${shortValue(toPlain(value))}`, path, action, value };
}

/** A value as it is typed in an override: bare where that reads the same. */
export function shortValue(value: unknown): string {
  if (typeof value !== 'string' || !/^[\w./:-]+( [\w./:-]+)*$/.test(value)) return JSON.stringify(value);
  const read = parseOverride(`value=${value}`);
  return 'value' in read && toPlain(read.value) === value ? value : JSON.stringify(value);
}

/** @param points of all cells: the later one of two is the place that is named */
function refuseEqual(cells: readonly SweepCell[], points: readonly Point[]): void {
  const seen = new Map<string, SweepCell>();
  const faults: ShieldError[] = [];
  for (const cell of cells) {
    const first = seen.get(cell.hash);
    if (!first) seen.set(cell.hash, cell);
    else {
      const [one, other] = [first, cell].map(({ overrides }) => overrides.join(' '));
      const expected = one === other ? one : `${one}, or ${other}`;
      const params = { first: first.cell, second: cell.cell, expected };
      faults.push(new ShieldError('SWEEP_EQUAL_CELLS', params, { where: points[cell.cell - 1]!.at(-1)?.where }));
    }
  }
  // The first few tell what is wrong.
  throwAll(faults.slice(0, 10));
}
