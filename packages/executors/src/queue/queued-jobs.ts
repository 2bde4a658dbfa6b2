import type { Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { QueuedCell } from './wire.js';

export type CellQueue = Queue<QueuedCell, unknown, string>;

export interface JobPlaces {
  readonly queue: CellQueue;
  readonly redis: Redis;
}

/**
 * Whether a job counts as at work although no worker has it: the one that took it is gone, and its lock has lapsed or there
 * is no worker at all.
 */
export async function isAbandoned({ queue, redis }: JobPlaces, job: Job): Promise<boolean> {
  if (!(await job.isActive())) return false;
  const lock = lockKey(queue, job.id!);
  if ((await redis.exists(lock)) === 0) return true;
  if ((await queue.getWorkersCount()) > 0) return false;
  // A locked job cannot be taken out.
  await redis.del(lock);
  return true;
}

/**
 * Takes a job that nobody works on out of its queue, so that nothing of it remains.
 *
 * @returns false where a worker has it, or had it to its end
 */
export async function takeOut(places: JobPlaces, id: string): Promise<boolean> {
  const job = await places.queue.getJob(id);
  if (!job) return true;
  if (job.finishedOn !== undefined) return false;
  if ((await job.isActive()) && !(await isAbandoned(places, job))) return false;
  // One that a worker takes at this moment is locked.
  return job.remove().then(
    () => true,
    () => false,
  );
}

/** Where BullMQ keeps who has a job. */
function lockKey(queue: CellQueue, id: string): string {
  return `${queue.toKey(id)}:lock`;
}
