import { ShieldError, nearest, type SourceLocation } from '../errors/index.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { isForetold, metricNames } from '../report/metric-names.js';
import type { SweepCell } from './plan.js';
import { metricPattern } from './results.js';

/**
 * Refuses a metric that no cell will have: it would be missed when all of them are done.
 *
 * @throws SWEEP_UNKNOWN_METRIC
 */
export function checkMetric(
  metric: string | undefined,
  cells: readonly Pick<SweepCell, 'resolved'>[],
  registry: PluginRegistry,
  where: SourceLocation | undefined,
): void {
  if (metric === undefined || !isForetold(metric)) return;
  const fits = metricPattern(metric);
  const known = new Set<string>();
  for (const { resolved } of cells) {
    const names = metricNames(resolved, registry);
    if (!names || names.some((name) => fits.test(name))) return;
    for (const name of names) known.add(name);
  }
  const meant = nearest(metric, known);
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  throw new ShieldError('SWEEP_UNKNOWN_METRIC', { metric, hint }, { where });
}
