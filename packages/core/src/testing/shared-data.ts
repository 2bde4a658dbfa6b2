import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Path of optional test data beside the checkout, or undefined where it is not there; tests that want it say that they
 * were skipped. `SHIELD_TEST_DATA` names another folder.
 */
export function sharedPath(relative: string): string | undefined {
  const root = process.env['SHIELD_TEST_DATA'] ?? resolve(projectRoot(), '..', 'shared');
  const path = join(root, relative);
  return existsSync(path) ? path : undefined;
}

/** The root of the checkout, from the sources as from the build. */
export function projectRoot(): string {
  return resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..');
}
