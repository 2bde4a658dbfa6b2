import type { CellReport, ExecutorContext } from '@shield/core';
import { describe, expect, it } from 'vitest';
import local from './local.js';

// What it does with real cells is held to the conformance suite, in test/executors.test.ts of the root.
const context = (reports: CellReport[], program: string | undefined) =>
  ({ program, work: {}, tell: (report) => void reports.push(report) }) as Partial<ExecutorContext> as ExecutorContext;

describe('local', () => {
  it('has as many slots as workers, and says what each may have', async () => {
    const reports: CellReport[] = [];
    const executor = await local.open({ workers: 3, memory: 500, hang_after: 0 }, context(reports, 'program.js'));
    expect(executor.slots).toBe(3);
    expect(reports).toEqual([
      { type: 'log', message: expect.stringMatching(/^3 workers, .* up to 500 MiB$/) as string },
    ]);
    await executor.close();
  });

  it('wants to know how a worker is started', () => {
    expect(() => local.open({ workers: 1, memory: 0, hang_after: 0 }, context([], undefined))).toThrowError(
      expect.objectContaining({ code: 'EXECUTOR_UNUSABLE' }) as Error,
    );
  });
});
