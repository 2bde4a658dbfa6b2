import { createShield, type Shield, type ShieldOptions } from '../execution/shield.js';
import type { SweepWork } from '../plugin/executor-contract.js';
import type { SharedStore } from '../plugin/shared-store.js';

/**
 * What carries out the cells of a sweep's work, with the store that its machines share.
 *
 * @throws EXECUTOR_UNREACHABLE, EXECUTOR_REFUSED, EXECUTOR_UNUSABLE of the store
 */
export async function shieldOfWork(
  { runsFolder, store }: SweepWork,
  options: Pick<ShieldOptions, 'plugins' | 'threads'>,
): Promise<Shield> {
  const shield = createShield({ ...options, runsFolder });
  if (!store) return shield;
  const plugin = shield.registry.get('executor', store.executor);
  const shared: SharedStore | undefined = await plugin.openStore?.(store.options);
  return createShield({ ...options, runsFolder, ...(shared ? { store: shared } : {}) });
}
