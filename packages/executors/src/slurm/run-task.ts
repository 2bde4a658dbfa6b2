import { hostname } from 'node:os';
import { ShieldError, reasonOf, type CellReport, type ServeContext } from '@shield/core';
import { TaskFiles } from './array-folder.js';
import { FOLDER_VARIABLE } from './script.js';

/** Two reports of one stage's progress are at least so far apart: each is a write to a shared folder. */
const PROGRESS_EVERY_MS = 1000;

/**
 * One task of an array job: carries out its cell in a watched process, and leaves the outcome in the shared folder.
 *
 * @throws EXECUTOR_UNUSABLE outside of a task, or where the node does not see the folder
 */
export async function runTask({ startWorker, signal, say }: ServeContext): Promise<void> {
  const folder = process.env[FOLDER_VARIABLE];
  const task = Number(process.env['SLURM_ARRAY_TASK_ID']);
  if (!folder || !Number.isInteger(task)) {
    const reason = 'its workers are started by Slurm';
    throw unusable(reason, 'run shield sweep SPEC --executor slurm where sbatch is');
  }
  const files = await TaskFiles.open(folder, task).catch((error: unknown) => {
    const reason = `${hostname()} does not see the sweep's folder: ${reasonOf(error)}`;
    throw unusable(reason, 'let the runs go to a folder that all nodes see: SHIELD_RUNS');
  });
  if (!files) return say('there is nothing to do (any more)');
  const { job, work } = files;
  const name = `${hostname()}/${process.env['SLURM_ARRAY_JOB_ID'] ?? '?'}_${task}`;
  const worker = startWorker(
    work,
    name,
    thinned((report) => files.tell(report)),
  );
  try {
    const outcome = await worker.execute(job, signal);
    await files.ended(outcome);
    const part = job.shard ? `, shard ${job.shard.index}/${job.shard.of},` : '';
    say(
      `cell ${job.cell}${part} of ${work.name}: ${outcome.state}${outcome.error ? ` (${outcome.error.message})` : ''}`,
    );
    // So that Slurm's own lists show it too.
    if (outcome.state !== 'COMPLETED') process.exitCode ||= 1;
  } finally {
    await worker.end();
  }
}

function unusable(reason: string, expected: string): ShieldError {
  return new ShieldError('EXECUTOR_UNUSABLE', { name: 'slurm', reason, expected });
}

/** What a sweep shows: each stage's first and last word, and now and then one between. What a cell logs is in its run. */
function thinned(tell: (report: CellReport) => void): (report: CellReport) => void {
  let stage = '';
  let last = 0;
  return (report) => {
    if (report.type === 'log') return;
    if (report.type === 'progress') {
      const now = performance.now();
      const same = stage === `${report.stage} ${report.name}`;
      if (same && !report.ended && now - last < PROGRESS_EVERY_MS) return;
      stage = `${report.stage} ${report.name}`;
      last = now;
    }
    tell(report);
  };
}
