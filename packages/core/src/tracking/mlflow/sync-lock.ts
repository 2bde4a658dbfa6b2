import { join } from 'node:path';
import { systemCode } from '../../errors/index.js';
import type { Run } from '../runs-folder.js';

/**
 * Keeps a run from being sent by two processes at once. That of a process that was killed ends after 15 s.
 *
 * @returns what gives it back; undefined where another process has it. On a disk that cannot be written there is none
 *   to take.
 */
export async function takeSyncLock(run: Run): Promise<(() => Promise<void>) | undefined> {
  const { default: lockfile } = await import('proper-lockfile');
  const lockfilePath = join(run.path, '.mlflow-lock');
  try {
    const release = await lockfile.lock(run.path, {
      lockfilePath,
      stale: 15_000,
      update: 3_000,
      onCompromised: () => undefined,
    });
    return () => release().catch(() => undefined);
  } catch (error) {
    return systemCode(error) === 'ELOCKED' ? undefined : () => Promise.resolve();
  }
}
