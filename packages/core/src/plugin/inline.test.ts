import { describe, expect, it } from 'vitest';
import type { CellJob, CellReport, ExecutorContext } from './executor-contract.js';
import inline from './inline.js';
import { PluginRegistry } from './registry.js';

const job: CellJob = { id: 'k-1', cell: 3, key: 'k', spec: 'name: a\n', attempt: 1, timeLimit: 0 };

describe('inline', () => {
  it('takes one cell at a time, and has it carried out here', async () => {
    const reports: CellReport[] = [];
    const signal = new AbortController().signal;
    const context = {
      program: undefined,
      tell: (report) => void reports.push(report),
      carryOut: async (given, until) => {
        expect([given, until]).toEqual([job, signal]);
        return { state: 'COMPLETED', metrics: {}, seconds: 1 };
      },
    } as Partial<ExecutorContext> as ExecutorContext;
    const executor = await inline.open({}, context);
    expect(executor.slots).toBe(1);
    expect(await executor.execute(job, signal)).toMatchObject({ state: 'COMPLETED' });
    expect(reports).toEqual([{ type: 'started', cell: 3, worker: '1' }]);
    await executor.close();
  });

  it('is known to every program', () => {
    expect(new PluginRegistry().get('executor', 'inline')).toBe(inline);
  });
});
