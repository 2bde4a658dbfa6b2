import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir } from '@shield/core';

/**
 * A Python with PyTorch and numpy: `$SHIELD_TEST_PYTHON`, else the one that `.ci/torch` installs in the cache. Where there is
 * none, tests that want it say so and are skipped.
 */
export function pythonForTests(): string | undefined {
  const path = process.env['SHIELD_TEST_PYTHON'] ?? join(cacheDir(), 'torch', 'bin', 'python');
  if (existsSync(path)) return path;
  console.warn(`tests of networks in Python are skipped: there is no ${path} (.ci/torch installs it)`);
  return undefined;
}
