import type { ErrorCodeName } from '../errors/index.js';
import type { CellJob, CellOutcome } from '../plugin/executor-contract.js';
import { named } from './cell-jobs.js';
import type { SweepCell } from './plan.js';
import type { SweepSettings } from './settings.js';

/** Failures that another attempt may be spared. */
const MAY_PASS: ReadonlySet<string> = new Set<ErrorCodeName>([
  'WORKER_LOST',
  'OUT_OF_MEMORY',
  'DOWNLOAD_FAILED',
  'RUN_LOCKED',
  'EXECUTOR_UNREACHABLE',
  // The worker that refused ends, and another may have the right code.
  'WORKER_DIFFERS',
]);

/** No wait is longer. */
const LONGEST_BACKOFF_SECONDS = 600;

export interface NextAttempt {
  readonly job: CellJob;
  /** To wait before it. */
  readonly seconds: number;
  /** For people: how it differs from the one before. */
  readonly note: string;
}

/**
 * What is done about a failed attempt: another one, where what failed may pass and there are attempts left. One that was
 * out of memory has half the batch: batch boundaries are part of what names an artifact, so that nothing of the attempts
 * before is used. Any other goes on with the run that was left.
 */
export function nextAttempt(
  cell: Pick<SweepCell, 'resolved'>,
  job: CellJob,
  outcome: CellOutcome,
  { retries, backoff }: Pick<SweepSettings, 'retries' | 'backoff'>,
): NextAttempt | undefined {
  const code = outcome.error?.code ?? '';
  if (outcome.state !== 'FAILED' || !MAY_PASS.has(code) || job.attempt > retries) return undefined;
  const seconds = Math.min(LONGEST_BACKOFF_SECONDS, backoff * 2 ** (job.attempt - 1));
  const { resume: _resume, ...plain } = job;
  const next = { ...plain, attempt: job.attempt + 1 };
  if (code === 'OUT_OF_MEMORY') {
    const before = job.batch ?? cell.resolved.batch;
    const batch = Math.floor(before / 2);
    if (batch < 1) return undefined;
    return {
      job: named({ ...next, batch }),
      seconds,
      note: `with batch ${batch} in place of ${before}: other artifacts`,
    };
  }
  const { run } = outcome;
  const note = job.shard ? 'from its last finished batch' : run === undefined ? 'anew' : `from where ${run} was left`;
  return { job: named(run === undefined ? next : { ...next, resume: run }), seconds, note };
}
