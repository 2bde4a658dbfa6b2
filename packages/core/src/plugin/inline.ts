import { Type } from '@sinclair/typebox';
import { defineExecutor } from './define.js';

/**
 * Cells one after another in this process, which opens its backend and loads its libraries once for all of them. A cell
 * that takes all memory takes the sweep with it; the next `shield sweep` goes on from there.
 */
export default defineExecutor({
  name: 'inline',
  summary: 'the cells of a sweep one after another, in this process',
  options: Type.Object({}),
  open: (_options, { carryOut, tell }) => ({
    slots: 1,
    execute: (job, signal) => {
      tell({ type: 'started', cell: job.cell, ...(job.shard ? { shard: job.shard } : {}), worker: '1' });
      return carryOut(job, signal);
    },
    close: () => Promise.resolve(),
  }),
});
