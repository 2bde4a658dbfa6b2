import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Plugin } from '../plugin/define.js';
import { pluginCode } from './code-digest.js';

const folder = mkdtempSync(join(tmpdir(), 'shield-code-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('is that of the code that was loaded, also when its file is rebuilt meanwhile', () => {
  const sourceFile = join(folder, 'attack.js');
  const loaded = () => ({ kind: 'attack', name: 'mine', sourceFile }) as unknown as Plugin;
  writeFileSync(sourceFile, 'export const step = 1;');
  const before = loaded();
  const digest = pluginCode(before);
  writeFileSync(sourceFile, 'export const step = 2;');
  expect(pluginCode(before)).toBe(digest);
  expect(pluginCode(loaded())).not.toBe(digest);
});
