import type { RunContext, WithRunOptions } from './run-context.js';
import { RunSession } from './run-session.js';
import type { Run } from './runs-folder.js';

/**
 * Works on a run, from RUNNING to COMPLETED, FAILED, INTERRUPTED or TIMEOUT, with every state in its journal. The run is locked
 * meanwhile; a heartbeat says that it lives; what the process prints is copied into its console.log. The first SIGINT or
 * SIGTERM aborts `signal`, so that the work stops at its next checkpoint; a second one ends the process at once, the
 * state still being written.
 *
 * @returns what the work returns
 * @throws RunInterrupted; RUN_LOCKED when another process works on the run; INTERNAL for anything the work throws that
 *   is no ShieldError (its stack goes to journal and console.log only); else what the work throws
 */
export async function withRun<T>(
  run: Run,
  work: (context: RunContext) => Promise<T>,
  options: WithRunOptions = {},
): Promise<T> {
  const session = await RunSession.open(run, options);
  let result: T;
  try {
    result = await session.work(work);
  } catch (error) {
    throw await session.failed(error);
  }
  await session.completed();
  return result;
}
