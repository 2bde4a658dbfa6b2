import type { CellJob, CellOutcome } from '@shield/core';

/** What a job of the queue holds. */
export interface QueuedCell {
  /** Names the work that it belongs to. */
  readonly work: string;
  readonly job: CellJob;
}

/** JSON knows neither NaN nor the infinities, and metrics may be those. */
export function encodeOutcome(outcome: CellOutcome): unknown {
  if (!outcome.metrics) return outcome;
  const metrics = Object.entries(outcome.metrics).map(([key, value]) => [
    key,
    Number.isFinite(value) ? value : `${value}`,
  ]);
  return { ...outcome, metrics: Object.fromEntries(metrics) as unknown };
}

export function decodeOutcome(value: unknown): CellOutcome {
  const outcome = value as CellOutcome;
  if (!outcome.metrics) return outcome;
  const metrics = Object.entries(outcome.metrics).map(([key, each]) => [key, Number(each)]);
  return { ...outcome, metrics: Object.fromEntries(metrics) as Record<string, number> };
}

export function lost(worker: string, reason: string): CellOutcome {
  const message = `the worker ${worker} was lost: ${reason}`;
  return { state: 'FAILED', error: { code: 'WORKER_LOST', message }, seconds: 0 };
}

export function interrupted(run?: string): CellOutcome {
  const error = { code: 'INTERRUPTED', message: 'it was told to stop' };
  return { state: 'INTERRUPTED', error, seconds: 0, ...(run === undefined ? {} : { run }) };
}
