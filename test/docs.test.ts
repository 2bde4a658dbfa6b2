import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES, createShield } from '@shield/core';
import { expect, test } from 'vitest';
import { generatedPages } from '../packages/core/src/cli/docs-command.js';
import { builtIns } from '../src/built-ins.js';
import { root } from './shield.js';

const packages = await builtIns();

test('the generated pages are those of the code: npm run docs writes them', async () => {
  const pages = await generatedPages(createShield({ plugins: packages }).registry);
  for (const [path, text] of pages) expect(readFileSync(join(root, path), 'utf8'), path).toBe(text);
});

test('every plugin is one file with a test beside it and a page', () => {
  for (const { name: packageName, plugins } of packages) {
    const source = join(root, 'packages', packageName.replace('@shield/', ''), 'src');
    for (const { kind, name } of plugins) {
      // efficientnet_lite0 → efficientnet-lite0.ts; what several plugins share is tested once, as efficientnet-lite.test.ts.
      const file = name.replaceAll('_', '-');
      expect(existsSync(join(source, `${file}.ts`)), `${file}.ts`).toBe(true);
      const tests = [`${file}.test.ts`, `${file.replace(/\d+$/, '')}.test.ts`];
      expect(
        tests.some((test) => existsSync(join(source, test))),
        `${file}.test.ts`,
      ).toBe(true);
      expect(existsSync(join(root, 'docs', 'plugins', kind, `${name}.md`)), `docs of ${name}`).toBe(true);
    }
  }
});

test('every error code is used', () => {
  const sources = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return sources(path);
      return /(?<!\.test)\.ts$/.test(entry.name) && entry.name !== 'codes.ts' ? [readFileSync(path, 'utf8')] : [];
    });
  const text = ['core', 'attacks', 'defenses', 'models', 'datasets']
    .flatMap((name) => sources(join(root, 'packages', name, 'src')))
    .join('\n');
  const unused = Object.keys(ERROR_CODES).filter((code) => !text.includes(`'${code}'`));
  expect(unused).toEqual([]);
});
