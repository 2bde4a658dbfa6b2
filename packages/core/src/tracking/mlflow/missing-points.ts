import type { MlflowApi } from './api.js';
import { chunks } from './names.js';
import type { MetricPoint } from './words.js';

const HISTORIES_AT_ONCE = 8;

/** Those of the points that the server does not have. */
export async function missingPoints(
  api: MlflowApi,
  runId: string,
  points: readonly MetricPoint[],
): Promise<readonly MetricPoint[]> {
  if (points.length === 0) return points;
  const latest = (await api.run(runId))?.data.metrics ?? [];
  const there = new Set<string>();
  const wanted = new Set(points.map(({ key }) => key));
  const keys = latest.map(({ key }) => key).filter((key) => wanted.has(key));
  for (const some of chunks(keys, HISTORIES_AT_ONCE)) {
    const histories = await Promise.all(some.map((key) => api.metricHistory(runId, key)));
    for (const point of histories.flat()) there.add(nameOf(point));
  }
  return points.filter((point) => !there.has(nameOf(point)));
}

function nameOf({ key, value, timestamp, step }: MetricPoint): string {
  return `${key} ${Object.is(value, -0) ? 0 : value} ${timestamp} ${step}`;
}
