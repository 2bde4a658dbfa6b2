import { availableParallelism } from 'node:os';
import { expect, it } from 'vitest';
import type { ResolvedSpec } from '../spec/resolved-spec.js';
import { isSpread, shardCount, sharedThreads } from './parallel.js';

const cores = availableParallelism();
const spec = (execution: object, rest: object = {}) =>
  ({
    execution: { use: 'local', shards: 1, threads: 0, time_limit: 0, strip: 0, ...execution },
    perform: ['attack', 'evaluate'],
    dataset: { use: 'drawn', limit: 20 },
    batch: 4,
    ...rest,
  }) as unknown as ResolvedSpec;

it('shards divide the cores, whoever carries them out, unless the spec says how many threads', () => {
  for (const use of ['inline', 'local', 'bullmq']) {
    expect(sharedThreads(spec({ use }))).toBeUndefined();
    expect(sharedThreads(spec({ use, shards: 2 }))).toBe(Math.max(1, Math.floor(cores / 2)));
    expect(sharedThreads(spec({ use, shards: 10_000 }))).toBe(1);
    expect(sharedThreads(spec({ use, shards: 2, threads: 3 }))).toBeUndefined();
  }
  expect(sharedThreads(spec({ shards: 'auto' }))).toBe(1);
  expect(sharedThreads(spec({ shards: 'auto', workers: 1 }))).toBe(cores);
});

it('there are no more shards than batches, and as many as workers where the spec leaves it open', () => {
  expect(shardCount(spec({ shards: 3 }), 1)).toBe(3);
  expect(shardCount(spec({ shards: 30 }), 1)).toBe(5);
  expect(shardCount(spec({ shards: 30 }), 1, 2)).toBe(10);
  expect(shardCount(spec({ shards: 'auto' }), 4)).toBe(4);
  expect(shardCount(spec({ shards: 'auto' }, { dataset: { use: 'drawn', limit: 0 } }), 40)).toBe(40);
});

it('neither training nor a run in this process is spread', () => {
  expect(isSpread(spec({ shards: 2 }))).toBe(true);
  expect(isSpread(spec({ shards: 'auto' }))).toBe(true);
  expect(isSpread(spec({ shards: 1 }))).toBe(false);
  expect(isSpread(spec({ shards: 2, use: 'inline' }))).toBe(false);
  expect(isSpread(spec({ shards: 2 }, { perform: ['train'] }))).toBe(false);
});
