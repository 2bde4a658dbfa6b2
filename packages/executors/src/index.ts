/** Where the cells of a sweep are carried out, beside the `inline` that core brings. */
import type { ExecutorPlugin } from '@shield/core';
import bullmq from './bullmq.js';
import local from './local.js';
import slurm from './slurm.js';

export { bullmq, local, slurm };

export const plugins: readonly ExecutorPlugin[] = [local, bullmq, slurm];
