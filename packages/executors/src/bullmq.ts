import { Type } from '@sinclair/typebox';
import { defineExecutor } from '@shield/core';
import type { QueueOptions } from './queue/redis.js';

/**
 * Cells in a queue that Redis holds (BullMQ), for workers on any machine: `shield worker --queue NAME` on each. The
 * folder of runs, with the artifacts that cells share, is one that all of them see, or `artifacts` names an S3-compatible
 * store that they share in its place. A worker that dies or hangs
 * lets its lock lapse, and its cell goes to another.
 */
export default defineExecutor({
  name: 'bullmq',
  summary: 'the cells of a sweep in a queue over Redis, for workers on many machines',
  reference: { title: 'BullMQ', url: 'https://docs.bullmq.io' },
  options: Type.Object({
    queue: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$',
      default: 'shield',
      description: 'name of the queue; workers of the same name take its cells',
    }),
    redis: Type.String({
      pattern: '^(rediss?://[^\\s@]+)?$',
      default: '',
      description:
        'address, redis://host:port/db (rediss: with TLS), without credentials: those come from $SHIELD_REDIS_USERNAME and $SHIELD_REDIS_PASSWORD; default: $SHIELD_REDIS_URL, else redis://127.0.0.1:6379',
    }),
    lock: Type.Number({
      minimum: 1,
      default: 30,
      description: 'seconds that a worker which is gone keeps its cell from the others',
    }),
    patience: Type.Number({
      minimum: 0,
      default: 600,
      description: 'seconds that a sweep waits for a Redis that is away before it gives up, to be resumed; 0: for ever',
    }),
    artifacts: Type.String({
      pattern: '^(s3://[a-z0-9][a-z0-9.-]+(/[^\\s@?]*)?)?$',
      default: '',
      description:
        'where machines without a common folder share artifacts and runs: s3://bucket/prefix; credentials come from $AWS_ACCESS_KEY_ID, $AWS_SECRET_ACCESS_KEY and what else AWS reads',
    }),
    s3_endpoint: Type.String({
      pattern: '^(https?://[^\\s@]+)?$',
      default: '',
      description: "address of an S3-compatible store that is not Amazon's, without credentials",
    }),
    s3_region: Type.String({ default: '', description: 'region of the bucket; default: $AWS_REGION, else us-east-1' }),
  }),
  openStore: async (options) => {
    const { openStore } = await import('./queue/open-store.js');
    return openStore(options as unknown as QueueOptions);
  },
  // Redis and BullMQ are loaded by what uses them: checking a spec needs neither.
  open: async (options, context) => {
    const { openQueue } = await import('./queue/queue-executor.js');
    return openQueue(options, context);
  },
  serve: async (options, context) => {
    const { serveQueue } = await import('./queue/serve-queue.js');
    return serveQueue(options, context);
  },
});
