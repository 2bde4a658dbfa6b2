import { systemCode } from '../errors/index.js';

/** Queues of this process: proper-lockfile only keeps other processes out. */
const queues = new Map<string, Promise<unknown>>();

/**
 * Runs `work` while no other process, and nobody else in this one, works on the folder under this lock. A lock whose
 * process died is taken over after a few seconds.
 */
export async function withFolderLock<T>(
  folder: string,
  log: (message: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const before = queues.get(folder) ?? Promise.resolve();
  const mine = before.catch(() => undefined).then(() => locked(folder, log, work));
  queues.set(folder, mine);
  try {
    return await mine;
  } finally {
    if (queues.get(folder) === mine) queues.delete(folder);
  }
}

async function locked<T>(folder: string, log: (message: string) => void, work: () => Promise<T>): Promise<T> {
  const { default: lockfile } = await import('proper-lockfile');
  const options = { stale: 15_000, update: 3_000 };
  let release: () => Promise<void>;
  try {
    release = await lockfile.lock(folder, options);
  } catch (error) {
    if (systemCode(error) !== 'ELOCKED') throw error;
    log(`waiting for another process that works on ${folder}`);
    const retries = { forever: true, factor: 1, minTimeout: 200, maxTimeout: 200 };
    release = await lockfile.lock(folder, { ...options, retries });
  }
  try {
    return await work();
  } finally {
    await release().catch(() => undefined);
  }
}
