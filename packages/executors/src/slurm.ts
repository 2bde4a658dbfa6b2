import { Type } from '@sinclair/typebox';
import { defineExecutor } from '@shield/core';

const LINE = '^[^\\r\\n]*$';
const WORD = '^[^\\s]*$';

/**
 * The cells of a sweep as an array job of Slurm, one task each. The folder of runs must be one that the nodes see: the
 * jobs, their results and what Slurm prints lie in the sweep's directory there. A sweep that was killed finds its array
 * job again; one that is stopped cancels it.
 */
export default defineExecutor({
  name: 'slurm',
  summary: 'the cells of a sweep as an array job on a cluster that Slurm runs',
  reference: { title: 'Slurm job arrays', url: 'https://slurm.schedmd.com/job_array.html' },
  options: Type.Object({
    partition: Type.String({ pattern: WORD, default: '', description: "partition; empty: the cluster's default" }),
    account: Type.String({ pattern: WORD, default: '', description: 'account that the work is charged to' }),
    time: Type.Integer({
      minimum: 0,
      default: 0,
      description:
        "minutes that a cell may take before Slurm ends it (TIMEOUT); 0: time_limit and a little more where that is set, else the partition's default",
    }),
    cpus_per_task: Type.Integer({
      minimum: 1,
      maximum: 1024,
      default: 1,
      description: 'cores of a cell, and threads of its backend where the spec leaves them open',
    }),
    mem: Type.String({
      pattern: '^(\\d+[KMGT])?$',
      default: '',
      description:
        "memory of a cell, as Slurm writes it: 4G, 500M; empty: the cluster's default. A cell's process is ended at nine tenths of it, and its cell tried with half the batch",
    }),
    gres: Type.String({ pattern: WORD, default: '', description: 'other resources of a cell: gpu:1' }),
    sbatch: Type.Array(Type.String({ pattern: '^--[^\\r\\n]*$' }), {
      default: [],
      description: 'further options of sbatch, one a line: --constraint=a100, --qos=long, --nice=100',
    }),
    at_once: Type.Integer({
      minimum: 0,
      default: 0,
      description: 'cells of one array job that run at the same time, at most (%N of sbatch --array); 0: no limit',
    }),
    queued: Type.Integer({
      minimum: 0,
      default: 0,
      description:
        'cells that stand in the queue of Slurm at the same time, at most, for clusters that limit what one may submit; 0: all',
    }),
    setup: Type.Array(Type.String({ pattern: LINE }), {
      default: [],
      description: 'shell commands on the node before a cell begins: module load nodejs/20',
    }),
    command: Type.String({
      pattern: LINE,
      default: '',
      description:
        'what starts shield on a node: npx shield; empty: the Node and the program of this sweep, by their paths',
    }),
    poll: Type.Number({
      minimum: 0.2,
      maximum: 600,
      default: 5,
      description: 'seconds between two looks at the array job',
    }),
    patience: Type.Number({
      minimum: 0,
      default: 3600,
      description:
        'seconds that a sweep waits for a Slurm that is away before it gives up, to be resumed; its jobs go on; 0: for ever',
    }),
    hang_after: Type.Integer({
      minimum: 0,
      default: 300,
      description: 'seconds without a sign of life after which a cell is ended and tried again; 0: never',
    }),
  }),
  // Nothing of it is loaded by checking a spec.
  open: async (options, context) => {
    const { openSlurm } = await import('./slurm/slurm-executor.js');
    return openSlurm(options, context);
  },
  /** Within a task of the array job, where its script starts `shield worker --executor slurm`. */
  serve: async (_options, context) => {
    const { runTask } = await import('./slurm/run-task.js');
    return runTask(context);
  },
});
