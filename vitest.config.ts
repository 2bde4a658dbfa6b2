import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const shared = {
  pool: 'forks',
  testTimeout: 60_000,
  hookTimeout: 300_000,
} as const;

/** Numerics that leave no state behind: their files share a process, its modules and the backend that it has opened. */
const NUMERICS = ['packages/{attacks,defenses}/src/**/*.test.ts'];

export default defineConfig({
  resolve: {
    // Tests run on the TypeScript sources; tests of the command line run the built program in a process of its own.
    alias: [
      { find: /^@shield\/core\/(jpeg|testing|cli)$/, replacement: source('./packages/core/src/$1/index.ts') },
      {
        find: /^@shield\/(core|attacks|defenses|models|datasets|executors)$/,
        replacement: source('./packages/$1/src/index.ts'),
      },
      { find: /^shield$/, replacement: source('./src/index.ts') },
    ],
  },
  test: {
    // Tests of workers plan with the built program, as the workers do.
    server: { deps: { external: [/\/dist\//] } },
    maxWorkers: 2,
    projects: [
      { extends: true, test: { ...shared, name: 'numerics', include: NUMERICS, isolate: false } },
      {
        extends: true,
        test: {
          ...shared,
          name: 'rest',
          include: ['packages/*/src/**/*.test.ts', 'src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
          exclude: [...NUMERICS, '**/node_modules/**'],
        },
      },
    ],
  },
});
