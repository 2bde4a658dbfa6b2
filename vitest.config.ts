import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    // Tests run on the TypeScript sources; tests of the command line run the built program in a process of its own.
    alias: [
      { find: /^@shield\/core\/(testing|cli)$/, replacement: source('./packages/core/src/$1/index.ts') },
      { find: /^@shield\/(core|attacks|defenses|models|datasets)$/, replacement: source('./packages/$1/src/index.ts') },
      { find: /^shield$/, replacement: source('./src/index.ts') },
    ],
  },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 300_000,
  },
});
