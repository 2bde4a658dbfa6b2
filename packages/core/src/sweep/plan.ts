import { ShieldErrors, ShieldError, throwAll } from '../errors/index.js';
import { usedFiles } from '../pipeline/used-files.js';
import { canonicalHash } from '../spec/canonical.js';
import { OpenSpec, type LoadSpecOptions } from '../spec/load-spec.js';
import type { ResolvedSpec } from '../spec/resolved-spec.js';
import { child, emptyMap, formatPath, setIn, toPlain, type MapNode } from '../spec/tree.js';
import { runsFolder } from '../tracking/runs-folder.js';
import { checkMetric } from './check-metric.js';
import { LongWork, type LongWorkOptions } from './long-work.js';
import { readMultirun } from './multirun.js';
import { bareKey, readPoints } from './points.js';
import { resolveCells } from './resolve-cells.js';
import { readSettings, withoutSettings, type SweepSettings } from './settings.js';

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

export interface PlanOptions extends LoadSpecOptions, LongWorkOptions {
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
 * @throws all that is wrong, of all cells at once: SWEEP_*, and what loading a spec throws; the reason of `signal`
 */
export async function planSweep(spec: string, options: PlanOptions): Promise<SweepPlan> {
  const { registry } = options;
  const work = new LongWork(options);
  const plain = new OpenSpec(spec, { ...options, overrides: [] });
  const given = options.overrides ?? [];
  const { fixed, axes } = options.multirun
    ? readMultirun(given, { reader: plain.reader, registry })
    : { fixed: given, axes: [] };
  const open = new OpenSpec(spec, { ...options, overrides: fixed });
  const tree = await open.composed();
  const swept = child(tree, 'sweep');
  const settingsTree = (await withSettings(open, tree)) ?? tree;
  // What is wrong with the settings is told with what is wrong with the swept values.
  const faults: ShieldError[] = [];
  const settings = await noted(faults, () => readSettings(settingsTree));
  // Values can be read where the rest of the sweep is of the form that it should have.
  if (!settings && !(await noted([], () => readSettings(withoutSettings(settingsTree))))) throwAll(faults);
  const seed = await seedOf(open);
  const asked = {
    reader: open.reader,
    registry,
    seed,
    fixed: new Map(open.overrides.flatMap((each) => ('value' in each ? [[formatPath(each.path), each.value]] : []))),
    axes,
    many: options.many ?? false,
    work,
  };
  const planned = await noted(faults, async () => {
    const points = await readPoints(swept?.kind === 'map' ? swept : emptyMap(tree.where), asked);
    return { points, cells: await resolveCells(open, points, registry, work) };
  });
  throwAll(faults);
  const { points, cells } = planned!;
  checkMetric(settings!.metric, cells, registry, child(swept, 'metric')?.where);
  const { sources } = open.reader;
  const specs = cells.map(({ resolved }) => resolved);
  const runs = options.runsFolder ?? runsFolder();
  return {
    hash: canonicalHash(cells.map(({ key }) => key)),
    name: cells[0]!.resolved.name,
    seed,
    keys: [...new Set(points.flatMap((point) => point.map(({ key }) => bareKey(key))))],
    cells,
    settings: settings!,
    execution: cells[0]!.resolved.execution,
    fixed,
    text: open.text,
    path: open.path,
    folder: open.folder,
    files: usedFiles({ sources, specs, registry, specFolder: open.folder, runsFolder: runs }),
  };
}

/** What the work gives; undefined where something is wrong, which is noted. @throws what is no fault of the spec */
async function noted<T>(faults: ShieldError[], work: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ShieldErrors) faults.push(...error.errors);
    else if (error instanceof ShieldError) faults.push(error);
    else throw error;
    return undefined;
  }
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
