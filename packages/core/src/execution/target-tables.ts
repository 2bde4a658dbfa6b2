import { readTargets, type CsvTargets, type TargetTable } from '../pipeline/targets.js';
import type { LoadContext } from '../plugin/contracts.js';
import type { ResolvedSpec } from '../spec/resolved-spec.js';

/** What the attacks that take their targets from a csv find there. */
export async function targetTables(spec: ResolvedSpec, loading: LoadContext): Promise<Map<string, TargetTable>> {
  const tables = new Map<string, TargetTable>();
  for (const [name, { target }] of Object.entries(spec.attacks)) {
    if (typeof target !== 'object' || target === null) continue;
    const option = target as CsvTargets;
    const table = await readTargets(name, { ...option, csv: loading.resolvePath(option.csv) });
    loading.opened(loading.resolvePath(option.csv), table.sha256);
    tables.set(name, table);
  }
  return tables;
}
