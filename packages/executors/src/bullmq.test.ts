import { createServer } from 'node:net';
import type { ExecutorContext } from '@shield/core';
import { describe, expect, it } from 'vitest';
import bullmq from './bullmq.js';

// What it does with real cells and a real Redis: test/executors.test.ts and test/queue.test.ts of the root.
const context = {} as ExecutorContext;
const open = (redis: string) => Promise.resolve(bullmq.open({ queue: 'q', redis, lock: 30, patience: 600 }, context));

describe('bullmq', () => {
  it('says which Redis cannot be reached, before anything is queued', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    await expect(open(`redis://127.0.0.1:${port}`)).rejects.toMatchObject({
      code: 'EXECUTOR_UNREACHABLE',
      message: expect.stringContaining(`redis://127.0.0.1:${port}`) as string,
    });
  });

  it('takes no credentials in a spec', () => {
    const { pattern } = bullmq.options.properties['redis'] as unknown as { pattern: string };
    expect('redis://user:secret@host:6379').not.toMatch(new RegExp(pattern));
    expect('rediss://host:6379/2').toMatch(new RegExp(pattern));
  });
});
