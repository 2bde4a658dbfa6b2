import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { cacheDir } from './cache-dir.js';

afterEach(() => vi.unstubAllEnvs());

it.each([
  [{ SHIELD_CACHE: '/var/shield', XDG_CACHE_HOME: '/var/caches' }, '/var/shield'],
  [{ SHIELD_CACHE: '', XDG_CACHE_HOME: '/var/caches' }, '/var/caches/shield'],
  // As the specification has it, where there is none, an empty one or a relative one.
  [{ SHIELD_CACHE: '', XDG_CACHE_HOME: '' }, join(homedir(), '.cache', 'shield')],
  [{ SHIELD_CACHE: '', XDG_CACHE_HOME: 'caches' }, join(homedir(), '.cache', 'shield')],
])('%j: the cache is %s', (env, expected) => {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  expect(cacheDir()).toBe(expected);
});
