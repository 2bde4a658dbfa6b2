import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Path of one of the checkpoints that TensorFlow 2.15 wrote. */
export function golden(name: string): string {
  return fileURLToPath(new URL(`golden/${name}`, import.meta.url));
}

/** What stands in each of them. */
export const GOLDEN = JSON.parse(readFileSync(golden('fixtures.json'), 'utf8')) as {
  readonly variables: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly dtype: string;
    readonly sha256_le: string;
  }[];
};

/** Each checkpoint by the names that it goes by, and the files that it consists of. */
export const CHECKPOINTS = {
  v1: { names: ['v1_small.ckpt'], files: ['v1_small.ckpt'] },
  'v1 in two shards': {
    names: ['v1_sharded.ckpt', 'v1_sharded.ckpt-00001-of-00002'],
    files: ['v1_sharded.ckpt-00000-of-00002', 'v1_sharded.ckpt-00001-of-00002'],
  },
  'v1 with Snappy': { names: ['v1_snappy.ckpt'], files: ['v1_snappy.ckpt'] },
  v2: {
    names: ['v2_small', 'v2_small.index', 'v2_small.data-00000-of-00001'],
    files: ['v2_small.index', 'v2_small.data-00000-of-00001'],
  },
  'v2 in two shards': {
    names: ['v2_sharded'],
    files: ['v2_sharded.index', 'v2_sharded.data-00000-of-00002', 'v2_sharded.data-00001-of-00002'],
  },
  'v2 with Snappy': { names: ['v2_snappy'], files: ['v2_snappy.index', 'v2_snappy.data-00000-of-00001'] },
} as const;
