import { ShieldError, throwAll } from '../errors/index.js';
import { usedFiles } from '../pipeline/used-files.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { canonicalHash } from '../spec/canonical.js';
import { OpenSpec, type LoadSpecOptions } from '../spec/load-spec.js';
import { parseOverride, type Override } from '../spec/override.js';
import type { ResolvedSpec } from '../spec/resolved-spec.js';
import { child, emptyMap, formatPath, parsePath, setIn, toPlain, type MapNode, type SpecNode } from '../spec/tree.js';
import { runsFolder } from '../tracking/runs-folder.js';
import { atItsKey, faultsOf } from './cell-faults.js';
import { cellKey } from './cell-key.js';
import { checkMetric } from './check-metric.js';
import { readMultirun } from './multirun.js';
import { bareKey, plainValues, readPoints, type Point, type Setting } from './points.js';
import { readSettings, type SweepSettings } from './settings.js';

/** One point of a sweep, resolved and checked. */
export interface SweepCell {
  /** From 1. */
  readonly cell: number;
  /** The values of the swept keys. */
  readonly params: Readonly<Record<string, unknown>>;
  /** The same as overrides of the spec, as they would be typed. */
  readonly overrides: readonly string[];
  readonly resolved: ResolvedSpec;
  /** Of the resolved spec. */
  readonly hash: string;
  /** See {@link cellKey}. */
  readonly key: string;
}

export interface SweepPlan {
  /** Names the sweep by its cells, in their order. */
  readonly hash: string;
  readonly name: string;
  readonly seed: number;
  /** The swept keys, in the order of the spec. */
  readonly keys: readonly string[];
  readonly cells: readonly SweepCell[];
  readonly settings: SweepSettings;
  /** Who carries the cells out: the executor and its options, and what every run has there. */
  readonly execution: ResolvedSpec['execution'];
  /** Overrides that hold for all cells. */
  readonly fixed: readonly string[];
  /** The spec as written, and as messages name it. */
  readonly text: string;
  readonly path: string;
  /** Folder that paths in the spec are relative to. */
  readonly folder: string;
  /** What all cells are made of, as absolute paths: see {@link usedFiles}. */
  readonly files: readonly string[];
}

export interface PlanOptions extends LoadSpecOptions {
  /** Whether `key=a,b` among the overrides is swept, as with Hydra's `-m`. */
  readonly multirun?: boolean;
  /** Whether more than a hundred thousand cells are wanted. */
  readonly many?: boolean;
}

/** Whether a spec is one of a sweep; what else is wrong with it is told when it is loaded. */
export async function hasSweep(spec: string, options: LoadSpecOptions): Promise<boolean> {
  return child(await new OpenSpec(spec, options).composed(), 'sweep') !== undefined;
}

/**
 * Resolves and checks every cell of a sweep.
 *
 * @throws all that is wrong, of all cells at once: SWEEP_*, and what loading a spec throws
 */
export async function planSweep(spec: string, options: PlanOptions): Promise<SweepPlan> {
  const { registry } = options;
  const plain = new OpenSpec(spec, { ...options, overrides: [] });
  const given = options.overrides ?? [];
  const { fixed, axes } = options.multirun
    ? readMultirun(given, { reader: plain.reader, registry })
    : { fixed: given, axes: [] };
  const open = new OpenSpec(spec, { ...options, overrides: fixed });
  const tree = await open.composed();
  const swept = child(tree, 'sweep');
  const settingsTree = (await withSettings(open, tree)) ?? tree;
  const settings = readSettings(settingsTree);
  const seed = await seedOf(open);
  const points = readPoints(swept?.kind === 'map' ? swept : emptyMap(tree.where), {
    reader: open.reader,
    registry,
    seed,
    fixed: new Map(open.overrides.flatMap((each) => ('value' in each ? [[formatPath(each.path), each.value]] : []))),
    axes,
    many: options.many ?? false,
  });
  const cells = await resolveCells(open, points, registry);
  checkMetric(settings.metric, cells, registry, child(swept, 'metric')?.where);
  const { sources } = open.reader;
  const specs = cells.map(({ resolved }) => resolved);
  const runs = options.runsFolder ?? runsFolder();
  return {
    hash: canonicalHash(cells.map(({ key }) => key)),
    name: cells[0]!.resolved.name,
    seed,
    keys: [...new Set(points.flatMap((point) => point.map(({ key }) => bareKey(key))))],
    cells,
    settings,
    execution: cells[0]!.resolved.execution,
    fixed,
    text: open.text,
    path: open.path,
    folder: open.folder,
    files: usedFiles({ sources, specs, registry, specFolder: open.folder, runsFolder: runs }),
  };
}

/** The tree with `${…}` filled in where it is no swept value: those mean the cell's. */
async function withSettings(open: OpenSpec, tree: MapNode): Promise<MapNode | undefined> {
  let filled: MapNode | undefined;
  for (const key of ['on_failure', 'retries', 'backoff', 'metric', 'goal', 'repeats']) {
    const node = await open.interpolated(['sweep', key]);
    if (node) filled = setIn(filled ?? tree, ['sweep', key], node) as MapNode;
  }
  return filled;
}

async function seedOf(open: OpenSpec): Promise<number> {
  const node = await open.interpolated(['seed']);
  const seed = node && toPlain(node);
  return typeof seed === 'number' ? seed : 0;
}

async function resolveCells(open: OpenSpec, points: readonly Point[], registry: PluginRegistry): Promise<SweepCell[]> {
  const cells: SweepCell[] = [];
  const faults = new Map<string, ShieldError>();
  let invalid: { first: string; count: number } | undefined;
  const overridesOf = new Map<Setting, Override>();
  for (const [i, point] of points.entries()) {
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
      invalid = { first: invalid?.first ?? texts.join(' '), count: (invalid?.count ?? 0) + 1 };
      for (const each of found.map((fault) => atItsKey(fault, point, overrides))) {
        faults.set(JSON.stringify([each.message, each.where]), each);
      }
    }
  }
  if (invalid)
    throwAll([new ShieldError('SWEEP_CELLS_INVALID', { ...invalid, cells: points.length }), ...faults.values()]);
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
