import { ShieldError, type CellOutcome, type ErrorCodeName } from '@shield/core';
import type { TaskState } from './commands.js';

const OVER: ReadonlySet<string> = new Set([
  ...['COMPLETED', 'CANCELLED', 'FAILED', 'TIMEOUT', 'DEADLINE', 'OUT_OF_MEMORY'],
  ...['NODE_FAIL', 'BOOT_FAIL', 'PREEMPTED', 'REVOKED', 'LAUNCH_FAILED', 'RECONFIG_FAIL'],
]);

const REASONS: Readonly<Record<string, string>> = {
  CANCELLED: 'it was cancelled',
  NODE_FAIL: 'its node failed',
  BOOT_FAIL: 'its node did not start',
  PREEMPTED: 'another job took its place',
};

/** Written into a task's output where Slurm itself counts the memory, and by the kernel's out-of-memory killer. */
const NO_MEMORY = /exceeded (job |step )?memory limit|oom.?kill|out.of.memory/i;

/** Waits that nobody's patience ends. */
const NEVER: ReadonlySet<string> = new Set([
  ...['PartitionTimeLimit', 'PartitionNodeLimit', 'PartitionConfig', 'PartitionDown', 'PartitionInactive'],
  ...['BadConstraints', 'InvalidAccount', 'InvalidQOS', 'AccountNotAllowed', 'QOSNotAllowed', 'JobHeldUser'],
  ...[
    'JobHeldAdmin',
    'ReqNodeNotAvail',
    'DependencyNeverSatisfied',
    'AssocMaxJobsLimit',
    'QOSMaxWallDurationPerJobLimit',
  ],
]);

export function isOver({ state }: TaskState): boolean {
  return OVER.has(state);
}

/** Why a task waits, where waiting may not help. */
export function hopeless({ state, reason }: TaskState): string | undefined {
  const first = reason.split(',')[0]!.trim();
  return state === 'PENDING' && NEVER.has(first) ? first : undefined;
}

/** A task that ended, as far as anybody knows, and left no word of its own that counts. */
export interface EndedTask {
  /** For messages: `JOB_TASK`. */
  readonly name: string;
  /** Undefined where Slurm has forgotten it. */
  readonly state: TaskState | undefined;
  /** Whether it told of its beginning. */
  readonly begun: boolean;
  /** The end of what it printed. */
  readonly log: string;
  /** What its process said of its own end, where it did: that it was told to stop, or lost. */
  readonly left?: CellOutcome | undefined;
  readonly run: string | undefined;
  readonly seconds: number;
}

/** How the attempt ended: by Slurm's word, where there is one. */
export function outcomeOf(task: EndedTask): CellOutcome {
  const { name, state, left, run, seconds } = task;
  const found = { seconds, ...(run === undefined ? {} : { run }) };
  const { state: word = '' } = state ?? {};
  if (word === 'TIMEOUT' || word === 'DEADLINE') {
    const message = `Slurm ended it after ${Math.round(seconds)} s, at the limit of execution.time or of the partition`;
    return { state: 'TIMEOUT', error: { code: 'TIMEOUT', message }, ...found };
  }
  const full = word === 'OUT_OF_MEMORY' || NO_MEMORY.test(task.log);
  const known = REASONS[word];
  if (left?.state === 'FAILED' && !full && known === undefined) return left;
  const code: ErrorCodeName = full ? 'OUT_OF_MEMORY' : 'WORKER_LOST';
  const why = full ? `Slurm ended the task ${name} (execution.mem)` : (known ?? left?.error?.message ?? silent(task));
  const { message, fix } = new ShieldError(code, { worker: name, reason: why });
  return { state: 'FAILED', error: { code, message, fix }, ...found };
}

function silent({ state, log, begun }: EndedTask): string {
  const last = log.trim().split('\n').at(-1);
  const nothing = begun ? '' : '; it printed nothing, does its node see the folder of runs?';
  const words = last ? `; its last words: ${last.slice(0, 300)}` : nothing;
  if (!state) return `Slurm does not know it any more, and it left no result${words}`;
  const more = state.reason && state.reason !== 'None' ? `, ${state.reason}` : '';
  return `it left no result (${state.state}${more})${words}`;
}
