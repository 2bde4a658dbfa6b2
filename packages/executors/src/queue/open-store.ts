import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { SharedStore } from '@shield/core';
import { Leases } from './leases.js';
import { redisAddress, type QueueOptions } from './redis.js';
import { S3Store } from './s3-store.js';

/** A lease is not waited for: who does not get one asks again. */
const ANSWER_WITHIN_MS = 5000;

/** The store that the machines of a queue share, with leases in the queue's Redis. @throws EXECUTOR_UNUSABLE */
export function openStore(options: QueueOptions): SharedStore {
  const { options: connection } = redisAddress(options);
  const redis = new Redis({ ...connection, lazyConnect: true, commandTimeout: ANSWER_WITHIN_MS });
  redis.on('error', () => undefined);
  return new S3Store(options, new Leases(redis));
}

/**
 * Asks the store once, before anything is queued, for all that cells will ask of it.
 *
 * @throws EXECUTOR_UNREACHABLE, EXECUTOR_REFUSED, EXECUTOR_UNUSABLE
 */
export async function checkStore(store: SharedStore): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'shield-store-'));
  try {
    const path = join(folder, 'store.json');
    await writeFile(path, `${JSON.stringify({ format: 1 })}\n`);
    await store.put('store.json', path);
    await store.list('store.json');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
