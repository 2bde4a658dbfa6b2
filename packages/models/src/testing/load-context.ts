import { isAbsolute, resolve } from 'node:path';
import { AssetCache, Random, type LoadContext } from '@shield/core';

/** A context for loading models in tests: the real asset cache, and everything that was said. */
export function testContext(): LoadContext & {
  readonly said: string[];
  readonly files: Map<string, string | undefined>;
} {
  const said: string[] = [];
  const files = new Map<string, string | undefined>();
  return {
    said,
    files,
    assets: new AssetCache({ log: (message) => said.push(message) }),
    resolvePath: (path) => (isAbsolute(path) ? path : resolve(path)),
    random: (...name) => new Random('test', ...name),
    signal: new AbortController().signal,
    log: (message) => said.push(message),
    warn: (message) => said.push(message),
    opened: (path, sha256) => files.set(path, sha256),
  };
}
