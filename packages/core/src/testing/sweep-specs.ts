import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ShieldError, ShieldErrors } from '../errors/index.js';
import { planSweep, type PlanOptions, type SweepPlan } from '../sweep/plan.js';
import { specRegistry } from './spec-plugins.js';

/** A spec of the plugins that tests of specs know, to put a sweep below. */
export const SWEPT_SPEC = `name: swept
seed: 7
model: { use: net }
dataset: { use: drawings }
attacks: { sign: { use: sign }, push: { use: push } }
defenses: { blocks: { use: blocks } }
`;

let count = 0;

/** Plans the sweep of a spec, given as text or as files of which the first is the spec. */
export function planOf(
  folder: string,
  spec: string | Readonly<Record<string, string>>,
  overrides: readonly string[] = [],
  options: Partial<PlanOptions> = {},
): Promise<SweepPlan> {
  const files = typeof spec === 'string' ? { 'configs/spec.yaml': spec } : spec;
  const own = join(folder, String(count++));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(own, name)), { recursive: true });
    writeFileSync(join(own, name), text);
  }
  const path = join(own, Object.keys(files)[0]!);
  return planSweep(path, { registry: specRegistry(), overrides, runsFolder: own, ...options });
}

/** Every error that something ends with. */
export async function errorsOf(work: Promise<unknown>): Promise<readonly ShieldError[]> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ShieldErrors) return error.errors;
    if (error instanceof ShieldError) return [error];
    throw error;
  }
  throw new Error('nothing was thrown');
}
