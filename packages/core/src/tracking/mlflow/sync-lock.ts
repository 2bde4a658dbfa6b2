import { join } from 'node:path';
import { ShieldError } from '../../errors/index.js';
import { makeFolder } from '../../files/make-folder.js';
import { RunLock } from '../run-lock.js';
import type { Run } from '../runs-folder.js';

const REFRESH_MS = 30_000;

/**
 * Keeps a run from being sent by two processes at once. As with the run itself, the lock of a process that was killed
 * holds nobody up.
 *
 * @returns what gives it back; undefined where another process has it. On a disk that cannot be written there is none
 *   to take.
 */
export async function takeSyncLock(run: Run): Promise<(() => void) | undefined> {
  const folder = join(run.path, '.mlflow');
  try {
    await makeFolder(folder);
    const lock = await RunLock.acquire(folder);
    const alive = setInterval(() => lock.refresh(), REFRESH_MS).unref();
    return () => {
      clearInterval(alive);
      lock.release();
    };
  } catch (error) {
    if (error instanceof ShieldError && error.code === 'RUN_LOCKED') return undefined;
    return () => undefined;
  }
}
