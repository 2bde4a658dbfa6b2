import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { coreDigest, sourceDigest } from './source-digest.js';

describe('sourceDigest', () => {
  let folder: string;
  const write = (name: string, text: string) => {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  const digest = () => sourceDigest(join(folder, 'attack.ts'));

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'shield-digest-'));
    write(
      'attack.ts',
      "import { rule } from './rule.js';\nexport { other } from './deep/other';\nimport '@shield/core';\nexport const kernel = new URL('./built/kernel.wasm', import.meta.url);\n",
    );
    write('built/kernel.wasm', '\0asm');
    write('rule.ts', "export const rule = await import('./late.mjs');\n");
    write('late.mjs', 'export default 1;\n');
    write('deep/other.ts', "import type { A } from '../attack.js';\nexport const other = 1;\n");
    write('unrelated.ts', 'export const unrelated = 1;\n');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it.each(['attack.ts', 'rule.ts', 'late.mjs', 'deep/other.ts', 'built/kernel.wasm'])('changes with %s', (name) => {
    const before = digest();
    write(name, `// changed\nimport './rule.js'; import './deep/other.js'; import './late.mjs';`);
    expect(digest()).not.toBe(before);
  });

  it('does not change with a file that is not imported, nor when the folder is moved', () => {
    const before = digest();
    write('unrelated.ts', 'export const unrelated = 2;\n');
    expect(digest()).toBe(before);
    renameSync(folder, `${folder}-moved`);
    folder = `${folder}-moved`;
    expect(digest()).toBe(before);
  });

  it('is "unknown" for a file that is not there', () => {
    expect(sourceDigest(undefined)).toBe('unknown');
    expect(sourceDigest(join(folder, 'gone.ts'))).toBe('unknown');
  });
});

describe('coreDigest', () => {
  it('is the same twice', () => {
    expect(coreDigest()).toMatch(/^[0-9a-f]{16}$/);
    expect(coreDigest()).toBe(coreDigest());
  });

  it('changes with a source of a folder that decides numbers, and with the WebAssembly that it names', () => {
    const root = mkdtempSync(join(tmpdir(), 'shield-core-digest-'));
    const write = (name: string, text: string) => {
      mkdirSync(join(root, name, '..'), { recursive: true });
      writeFileSync(join(root, name), text);
    };
    write('src/jpeg/kernel.ts', "open(new URL('../../dist/kernel.wasm', import.meta.url));\n");
    write('dist/kernel.wasm', '\0asm');
    const seen = [coreDigest(join(root, 'src'))];
    write('dist/kernel.wasm', '\0asm, changed');
    seen.push(coreDigest(join(root, 'src')));
    write('src/images/filter.ts', 'export const one = 1;\n');
    seen.push(coreDigest(join(root, 'src')));
    write('src/report/plot.ts', 'export const one = 1;\n');
    seen.push(coreDigest(join(root, 'src')));
    expect(new Set(seen).size).toBe(3);
    expect(seen[3]).toBe(seen[2]);
    rmSync(root, { recursive: true });
  });
});
