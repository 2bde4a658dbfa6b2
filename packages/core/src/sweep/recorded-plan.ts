import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Shield } from '../execution/shield.js';
import { usedFiles } from '../pipeline/used-files.js';
import { canonicalHash } from '../spec/canonical.js';
import { isMapping } from '../spec/plugin-places.js';
import type { ResolvedSpec } from '../spec/resolved-spec.js';
import { toYaml } from '../spec/to-yaml.js';
import type { Run } from '../tracking/runs-folder.js';
import { cellKey } from './cell-key.js';
import { LongWork, type LongWorkOptions } from './long-work.js';
import { PlanMemory } from './plan-memory.js';
import type { SweepCell, SweepPlan } from './plan.js';
import { shownValue } from './results.js';
import type { SweepRecord } from './sweep-record.js';

/**
 * The plan of a sweep whose spec is no longer where it was, from the resolved specs on record. What the cells name by
 * paths (plugins, data, weights) is looked for where it was.
 *
 * @param overrides for all cells: another executor
 * @returns undefined where the record is of a version that kept none
 * @throws what loading a spec throws; SWEEP_NO_MEMORY; the reason of an aborted signal
 */
export async function recordedPlan(
  shield: Shield,
  run: Run,
  record: SweepRecord,
  overrides: readonly string[],
  watched: LongWorkOptions = {},
): Promise<SweepPlan | undefined> {
  const { common, settings, seed, keys, spec } = record;
  if (!isMapping(common) || !settings) return undefined;
  const folder = dirname(spec);
  const cells: SweepCell[] = [];
  const memory = new PlanMemory(record.cells.length);
  const work = new LongWork(watched);
  for (const { cell, params, own } of record.cells) {
    memory.at(cells.length);
    if (work.isDue) await work.turn(cells.length, record.cells.length);
    const whole = (own === undefined ? common : together(common, own)) as unknown as ResolvedSpec;
    const { resolved, hash } = await shield.load(toYaml(whole), overrides, folder);
    const typed = keys.flatMap((key) => (key in params ? [`${key}=${shownValue(params[key])}`] : []));
    const key = cellKey(hash, resolved, shield.registry);
    cells.push({ cell, params, overrides: typed, resolved, hash, key });
  }
  const { name, execution } = cells[0]!.resolved;
  const { registry, runs } = shield;
  const specs = cells.map(({ resolved }) => resolved);
  const files = usedFiles({ sources: [], specs, registry, specFolder: folder, runsFolder: runs });
  return {
    ...{ hash: canonicalHash(cells.map(({ key }) => key)), name, seed: seed ?? 0, keys, cells, settings, execution },
    ...{ fixed: overrides, text: await readFile(run.files.spec, 'utf8'), path: spec, folder, files },
  };
}

/** Mappings joined at every depth; what is no mapping is in one of them only. */
function together(a: unknown, b: unknown): unknown {
  if (!isMapping(a) || !isMapping(b)) return b === undefined ? a : b;
  const both = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries([...both].map((key) => [key, together(a[key], b[key])]));
}
