/** Where the cells of a sweep are carried out, beside the `inline` that core brings. */
import type { ExecutorPlugin } from '@shield/core';
import bullmq from './bullmq.js';
import local from './local.js';

export { bullmq, local };

export const plugins: readonly ExecutorPlugin[] = [local, bullmq];
