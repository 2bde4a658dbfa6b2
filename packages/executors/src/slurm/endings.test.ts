import { describe, expect, it } from 'vitest';
import { readStates } from './commands.js';
import { hopeless, isOver, outcomeOf, type EndedTask } from './endings.js';

const task: EndedTask = { name: '7_3', state: undefined, begun: false, log: '', run: 'r1', seconds: 12 };
const state = (word: string, reason = 'None') => ({ state: word, reason });
const lost = {
  state: 'FAILED',
  error: { code: 'WORKER_LOST', message: 'the worker n1/7_3 was lost: it was killed by SIGKILL', fix: 'again' },
  seconds: 11,
  run: 'r1',
} as const;

// Slurm 22.05's own words: squeue -h -r -t all -o '%i|%T|%r', and sacct -n -X -P -o JobID,State,Reason.
const SQUEUE = `2_6|CANCELLED|Resources
2_3|FAILED|JobLaunchFailure
2_4|TIMEOUT|TimeLimit
12_2|PENDING|JobArrayTaskLimit
`;
const SACCT = `2_4|TIMEOUT|None
2_5|CANCELLED by 1000|None
2_6|OUT_OF_MEMORY|None
`;

describe('the states that Slurm tells', () => {
  it('are read by task', () => {
    expect(readStates(SQUEUE).get('12_2')).toEqual({ state: 'PENDING', reason: 'JobArrayTaskLimit' });
    expect(readStates(SQUEUE).size).toBe(4);
    expect(readStates(SACCT).get('2_5')).toEqual({ state: 'CANCELLED', reason: 'None' });
    expect(readStates('').size).toBe(0);
  });

  it('are over, or not', () => {
    for (const word of ['COMPLETED', 'CANCELLED', 'TIMEOUT', 'OUT_OF_MEMORY', 'NODE_FAIL', 'PREEMPTED'])
      expect(isOver(state(word)), word).toBe(true);
    for (const word of ['PENDING', 'RUNNING', 'COMPLETING', 'CONFIGURING', 'SUSPENDED', 'REQUEUED'])
      expect(isOver(state(word)), word).toBe(false);
  });

  it('tell of waits that nobody ends', () => {
    expect(hopeless(state('PENDING', 'PartitionTimeLimit'))).toBe('PartitionTimeLimit');
    expect(hopeless(state('PENDING', 'ReqNodeNotAvail, UnavailableNodes:n1'))).toBe('ReqNodeNotAvail');
    expect(hopeless(state('PENDING', 'Resources'))).toBeUndefined();
    expect(hopeless(state('RUNNING', 'PartitionTimeLimit'))).toBeUndefined();
  });
});

describe('how a task ended that left no result', () => {
  it('at its time limit: TIMEOUT, which is not tried again', () => {
    const told = { state: 'INTERRUPTED', error: { code: 'INTERRUPTED', message: 'it was told to stop' } } as const;
    const outcome = outcomeOf({ ...task, state: state('TIMEOUT', 'TimeLimit'), left: { ...told, seconds: 12 } });
    expect(outcome).toMatchObject({ state: 'TIMEOUT', error: { code: 'TIMEOUT' }, run: 'r1', seconds: 12 });
  });

  it('for want of memory, by the state, by the words of Slurm, or though its watcher only saw its process die', () => {
    const log = 'slurmstepd-n1: error: StepId=9.batch exceeded memory limit (287465472 > 209715200), being killed';
    const kernel =
      'slurmstepd: error: Detected 1 oom_kill event in StepId=9.batch. Some of the step tasks have been OOM Killed.';
    for (const ended of [
      { state: state('OUT_OF_MEMORY', 'OutOfMemory') },
      { state: state('FAILED', 'JobLaunchFailure'), log },
      { state: undefined, log: kernel },
      { state: state('OUT_OF_MEMORY'), left: lost },
    ]) {
      const { state: ending, error } = outcomeOf({ ...task, ...ended });
      expect([ending, error?.code]).toEqual(['FAILED', 'OUT_OF_MEMORY']);
      expect(error?.message).toContain('7_3');
    }
  });

  it('in any other way: WORKER_LOST, with all that is known', () => {
    const reason = (ended: Partial<EndedTask>) => {
      const { error } = outcomeOf({ ...task, ...ended });
      expect(error?.code).toBe('WORKER_LOST');
      return error!.message;
    };
    expect(reason({ state: state('NODE_FAIL') })).toContain('its node failed');
    expect(reason({ state: state('CANCELLED'), left: lost })).toContain('it was cancelled');
    expect(reason({ state: state('FAILED', 'NonZeroExitCode'), log: 'one\nnpx: not found\n' })).toMatch(
      /FAILED, NonZeroExitCode.*npx: not found$/,
    );
    expect(reason({ state: undefined })).toMatch(/does not know it any more.*does its node see the folder/);
    expect(reason({ state: state('FAILED', 'JobLaunchFailure'), begun: true })).toMatch(/JobLaunchFailure\)$/);
    expect(outcomeOf({ ...task, state: state('COMPLETED'), left: lost })).toBe(lost);
  });
});
