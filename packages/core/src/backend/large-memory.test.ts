import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { nativeForTests } from '../testing/native-for-tests.js';
import { startScript } from '../testing/processes.js';
import { projectRoot } from '../testing/shared-data.js';
import { largeMemory } from './large-memory.js';

const native = await nativeForTests();
const built = pathToFileURL(join(projectRoot(), 'packages', 'core', 'dist', 'backend', 'large-memory.js')).href;

it('is an array of zeros without the native backend', () => {
  const { bytes, start } = largeMemory(2 ** 23);
  expect([bytes.length, start]).toEqual([2 ** 23, 16]);
  expect(bytes.every((byte) => byte === 0)).toBe(true);
});

it.skipIf(!native)('is of pages of its own with it, as long as asked for, and goes back to the system', async () => {
  const code = `
    const { largeMemory } = await import(${JSON.stringify(built)});
    (await import('node:v8')).setFlagsFromString('--expose-gc');
    const gc = (await import('node:vm')).runInNewContext('gc');
    await core.openBackend('node', { log() {}, warn() {} });
    const { readFileSync } = await import('node:fs');
    const held = () => Number(/RssAnon:\\s*(\\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? 0) / 1024;
    const small = largeMemory(1000);
    console.log(small.bytes.length, small.start);
    const before = held();
    let large = largeMemory(2 ** 26 + 1);
    console.log(large.bytes.length, large.start, large.bytes.every((byte) => byte === 0));
    large.bytes.fill(1);
    const during = held() - before;
    large = undefined;
    for (let i = 0; i < 50 && held() - before > 10; i++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    console.log(process.platform !== 'linux' || (during > 63 && held() - before < 10));`;
  const { stdout } = await startScript('backend/index.js', code, { env: process.env }).finished;
  expect(stdout.trim().split('\n')).toEqual(['1000 16', `${2 ** 26 + 1} 0 true`, 'true']);
});
