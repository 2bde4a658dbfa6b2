import { describe, expect, it } from 'vitest';
import type { CellJob, CellOutcome, Executor, SweepEvent } from '../plugin/executor-contract.js';
import { loadSpec } from '../spec/load-spec.js';
import { specRegistry } from '../testing/spec-plugins.js';
import { CellLoop } from './cell-loop.js';
import type { SweepCell } from './plan.js';
import type { SweepSettings } from './settings.js';

const { resolved, hash } = await loadSpec('model: { use: net }\ndataset: { use: drawings }\nbatch: 8\n', {
  registry: specRegistry(),
});
const cellsOf = (n: number): SweepCell[] =>
  Array.from({ length: n }, (_, i) => ({ cell: i + 1, params: {}, overrides: [], resolved, hash, key: `key${i + 1}` }));

const DONE: CellOutcome = { state: 'COMPLETED', run: 'r', metrics: {}, seconds: 0 };
const failed = (code: string, run?: string): CellOutcome => ({
  state: 'FAILED',
  error: { code, message: code },
  seconds: 0,
  ...(run === undefined ? {} : { run }),
});

interface Ran {
  readonly jobs: CellJob[];
  readonly ended: [number, CellOutcome][];
  readonly events: SweepEvent[];
  most: number;
}

async function run(
  cells: readonly SweepCell[],
  outcome: (job: CellJob, signal: AbortSignal) => CellOutcome | Promise<CellOutcome>,
  {
    slots = 1,
    signal = new AbortController().signal,
    shards = 1,
    ...settings
  }: Partial<SweepSettings & { slots: number; signal: AbortSignal; shards: number }> = {},
): Promise<Ran> {
  const ran: Ran = { jobs: [], ended: [], events: [], most: 0 };
  let open = 0;
  const executor: Executor = {
    slots,
    execute: async (job, until) => {
      ran.jobs.push(job);
      ran.most = Math.max(ran.most, ++open);
      await new Promise((resolve) => setTimeout(resolve, 1));
      const result = await outcome(job, until);
      open--;
      return result;
    },
    close: () => Promise.resolve(),
  };
  const loop = new CellLoop(
    executor,
    { on_failure: 'continue', retries: 2, backoff: 0, goal: 'max', ...settings },
    {
      signal,
      shards: () => shards,
      tell: (event) => void ran.events.push(event),
      ended: async ({ cell }, _job, result) => void ran.ended.push([cell, result]),
    },
  );
  await loop.run(cells);
  return ran;
}

describe('the loop over the cells of a sweep', () => {
  it.each([1, 3, Infinity])('gives every cell its last word once, %s at a time', async (slots) => {
    const { jobs, ended, most } = await run(cellsOf(7), () => DONE, { slots });
    expect(jobs.map(({ cell }) => cell)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(ended.map(([cell]) => cell).sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(most).toBe(Math.min(slots, 7));
  });

  it('tries a lost worker’s cell again, from where its run was left, and no more often than it may', async () => {
    const once = await run(cellsOf(2), (job) => (job.attempt === 1 ? failed('WORKER_LOST', `run${job.cell}`) : DONE), {
      slots: 2,
    });
    expect(
      once.jobs
        .filter(({ attempt }) => attempt === 2)
        .map(({ cell, resume }) => [cell, resume])
        .sort(),
    ).toEqual([
      [1, 'run1'],
      [2, 'run2'],
    ]);
    expect(once.ended.map(([, { state }]) => state)).toEqual(['COMPLETED', 'COMPLETED']);
    const always = await run(cellsOf(1), () => failed('WORKER_LOST'));
    expect(always.jobs.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(always.ended).toHaveLength(1);
    expect(always.ended[0]![1].state).toBe('FAILED');
  });

  it('tries a cell again that a worker with other code refused', async () => {
    const { ended, jobs } = await run(cellsOf(2), ({ cell, attempt }) =>
      cell === 1 && attempt === 1 ? failed('WORKER_DIFFERS') : DONE,
    );
    expect(jobs.map(({ cell, attempt }) => [cell, attempt]).sort()).toEqual([[1, 1], [1, 2], [2, 1]]); // prettier-ignore
    expect(ended.map(([, { state }]) => state)).toEqual(['COMPLETED', 'COMPLETED']);
  });

  it('halves the batch of a cell that was out of memory, anew and until one image is too many', async () => {
    const { jobs, events } = await run(cellsOf(1), () => failed('OUT_OF_MEMORY', 'r1'), { retries: 9 });
    expect(jobs.map(({ batch }) => batch)).toEqual([undefined, 4, 2, 1]);
    expect(jobs.every(({ resume }) => resume === undefined)).toBe(true);
    expect(events.find(({ type }) => type === 'retry')).toMatchObject({
      note: expect.stringContaining('batch 4 in place of 8') as string,
    });
  });

  it('waits twice as long before each further attempt', async () => {
    const { events } = await run(cellsOf(1), () => failed('DOWNLOAD_FAILED'), { retries: 3, backoff: 0.01 });
    expect(events.flatMap((event) => (event.type === 'retry' ? [event.seconds] : []))).toEqual([0.01, 0.02, 0.04]);
  });

  it('does not try again what will not pass, and goes on or stops as the spec says', async () => {
    const outcome = (job: CellJob) => (job.cell === 2 ? failed('DATASET_EMPTY') : DONE);
    const going = await run(cellsOf(4), outcome);
    expect(going.jobs.map(({ cell }) => cell)).toEqual([1, 2, 3, 4]);
    const stopped = await run(cellsOf(4), outcome, { on_failure: 'stop' });
    expect(stopped.jobs.map(({ cell }) => cell)).toEqual([1, 2]);
  });

  it('records nothing of cells that were interrupted, and begins no other', async () => {
    const stopping = new AbortController();
    const { jobs, ended } = await run(
      cellsOf(5),
      async (job, signal) => {
        if (job.cell === 2) stopping.abort();
        return signal.aborted ? { state: 'INTERRUPTED', seconds: 0 } : DONE;
      },
      { signal: stopping.signal },
    );
    expect(jobs.map(({ cell }) => cell)).toEqual([1, 2]);
    expect(ended.map(([cell]) => cell)).toEqual([1]);
  });

  it('does not wait for an attempt whose time has not come when it is stopped', async () => {
    const stopping = new AbortController();
    setTimeout(() => stopping.abort(), 30);
    const { jobs } = await run(cellsOf(1), () => failed('WORKER_LOST'), { backoff: 600, signal: stopping.signal });
    expect(jobs).toHaveLength(1);
  });

  it('ends with what the executor throws, once nothing is at work any more', async () => {
    const throwing = run(cellsOf(3), () => Promise.reject(new Error('no queue')), { slots: 2 });
    await expect(throwing).rejects.toThrow('no queue');
  });
});

describe('cells in shards', () => {
  const part = ({ cell, shard, attempt }: CellJob) => `${cell}${shard ? `:${shard.index}/${shard.of}` : ''} ${attempt}`;
  const FAILED = failed('DATASET_EMPTY');

  it('each cell is carried out once its shards are done, and no two jobs have one name', async () => {
    const { jobs, ended, most } = await run(cellsOf(2), () => DONE, { shards: 3, slots: 4 });
    for (const cell of [1, 2]) {
      const own = jobs.filter((job) => job.cell === cell).map(part);
      expect(own.slice(0, 3).sort()).toEqual([1, 2, 3].map((index) => `${cell}:${index}/3 1`));
      expect(own.slice(3)).toEqual([`${cell} 1`]);
    }
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(8);
    expect(ended.map(([cell]) => cell).sort()).toEqual([1, 2]);
    expect(most).toBe(4);
  });

  it('a shard whose worker was lost is tried again, alone', async () => {
    const { jobs, ended } = await run(
      cellsOf(1),
      (job) => (job.shard?.index === 2 && job.attempt < 3 ? failed('WORKER_LOST') : DONE),
      { shards: 3 },
    );
    expect(jobs.map(part).sort()).toEqual(['1 1', '1:1/3 1', '1:2/3 1', '1:2/3 2', '1:2/3 3', '1:3/3 1']);
    expect(ended).toMatchObject([[1, { state: 'COMPLETED' }]]);
  });

  it('one that fails for good fails its cell, and stops the cell’s other shards', async () => {
    const outcome = async (job: CellJob, signal: AbortSignal): Promise<CellOutcome> => {
      if (job.cell === 2) return DONE;
      if (job.shard?.index === 1) return FAILED;
      while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 1));
      return { state: 'INTERRUPTED', seconds: 0 };
    };
    const { jobs, ended } = await run(cellsOf(2), outcome, { shards: 2, slots: 2 });
    expect(jobs.map(part).sort()).toEqual(['1:1/2 1', '1:2/2 1', '2 1', '2:1/2 1', '2:2/2 1']);
    expect(ended).toEqual([
      [1, FAILED],
      [2, DONE],
    ]);
  });

  it('one that was out of memory has all shards of its cell begun anew with half the batch', async () => {
    const { jobs, ended } = await run(
      cellsOf(1),
      (job) => (job.shard?.index === 2 && job.batch === undefined ? failed('OUT_OF_MEMORY') : DONE),
      { shards: 2 },
    );
    expect(jobs.map((job) => `${part(job)} ${job.batch}`)).toEqual([
      '1:1/2 1 undefined',
      '1:2/2 1 undefined',
      '1:1/2 2 4',
      '1:2/2 2 4',
      '1 2 4',
    ]);
    expect(ended).toMatchObject([[1, { state: 'COMPLETED' }]]);
  });

  it('nothing is recorded of a cell whose shards were interrupted', async () => {
    const stopping = new AbortController();
    const { jobs, ended } = await run(
      cellsOf(2),
      (_job, signal) => {
        stopping.abort();
        return signal.aborted ? { state: 'INTERRUPTED', seconds: 0 } : DONE;
      },
      { shards: 2, signal: stopping.signal },
    );
    expect(jobs.map(part)).toEqual(['1:1/2 1']);
    expect(ended).toEqual([]);
  });
});
