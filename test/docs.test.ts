import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '@shield/core';
import { builtIns } from '../src/built-ins.js';
import { root, shield, temporaryFolder } from './shield.js';

const packages = await builtIns();

/** TypeScript below a folder, built files and installed packages aside. */
function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => !/\/(node_modules|dist)\//.test(path));
}

describe('a plugin is its file, its test and its page', () => {
  const plugins = packages.flatMap(({ name, plugins }) => plugins.map((plugin) => ({ package: name, plugin })));

  test.each(plugins.map(({ package: from, plugin }) => [plugin.name, from.replace('@shield/', ''), plugin] as const))(
    '%s of %s',
    (name, from, plugin) => {
      const file = name.replaceAll('_', '-');
      const there = readdirSync(join(root, 'packages', from, 'src'));
      expect(there).toContain(`${file}.ts`);
      // Its own, or one with others of its family.
      const tests = there.filter((each) => each.endsWith('.test.ts'));
      const text = (each: string) => readFileSync(join(root, 'packages', from, 'src', each), 'utf8');
      expect(tests.filter((each) => text(each).includes(`from './${file}.js'`))).not.toEqual([]);
      expect(readdirSync(join(root, 'docs', 'plugins', plugin.kind))).toContain(`${name}.md`);
      expect(readFileSync(join(root, 'packages', from, 'src', `${file}.ts`), 'utf8')).toMatch(/\/\*\*/);
    },
  );

  test('no page tells of a plugin that is gone', () => {
    const known = new Set(plugins.map(({ plugin }) => `${plugin.kind}/${plugin.name}.md`));
    // The one plugin that core brings.
    known.add('executor/inline.md');
    for (const kind of ['attack', 'defense', 'model', 'dataset', 'executor']) {
      for (const page of readdirSync(join(root, 'docs', 'plugins', kind))) expect(known).toContain(`${kind}/${page}`);
    }
  });
});

describe('errors', () => {
  test('every code of the table is thrown somewhere, and told in the docs', () => {
    const table = join('errors', 'codes.ts');
    const text = sources(join(root, 'packages'))
      .filter((path) => !path.endsWith('.test.ts') && !path.endsWith(table))
      .map((path) => readFileSync(path, 'utf8'))
      .join('\n');
    const page = readFileSync(join(root, 'docs', 'errors.md'), 'utf8');
    const unused = Object.keys(ERROR_CODES).filter((code) => !text.includes(`'${code}'`));
    expect(unused).toEqual([]);
    expect(Object.keys(ERROR_CODES).filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
  });
});

test('the generated pages are up to date', async () => {
  const { code, stderr } = await shield(['docs', '--check'], { runs: temporaryFolder() });
  expect(code, stderr).toBe(0);
});
