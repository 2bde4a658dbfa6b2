import { expect, it } from 'vitest';
import type { Reporter } from '../pipeline/reporter.js';
import { ShardStages } from './shard-stages.js';

/** What people would see: stages with their ends, and the last word on each. */
function shown(): { readonly reporter: Reporter; readonly lines: string[] } {
  const lines: string[] = [];
  const reporter: Reporter = {
    stage: ({ stage, name }) => {
      lines.push(`${stage} ${name}`);
      return {
        update: (done, note) => void lines.push(`  ${done} ${note}`),
        end: () => void lines.push(`${stage} ${name} is over`),
      };
    },
    log: (message) => void lines.push(message),
    warn: (message) => void lines.push(`warning: ${message}`),
  };
  return { reporter, lines };
}

const at = (index: number, stage: string, done: number, ended = false) =>
  ({ type: 'progress', cell: 1, shard: { index, of: 2 }, stage, name: 'a', done, of: 4, ended }) as const;

it('the shards of a run are shown as its stages, one after another, with the images of all', () => {
  const { reporter, lines } = shown();
  const stages = new ShardStages(reporter);
  stages.begin(2);
  stages.tell(at(1, 'attack', 1));
  stages.tell(at(2, 'attack', 2));
  stages.tell(at(1, 'attack', 4, true));
  // A shard that is ahead waits for its stage's turn.
  stages.tell(at(1, 'evaluate', 3));
  stages.tell(at(2, 'attack', 4, true));
  expect(lines).toEqual([
    'split into 2 shards',
    'attack a',
    '  1 shards 1: 1',
    '  3 shards 1: 1  2: 2',
    '  6 shards 1: 4  2: 2',
    '  6 shards 1: 4  2: 2',
    '  8 shards 1: 4  2: 4',
    'attack a is over',
    'evaluate a',
    '  3 shards 1: 3',
  ]);
});

it('a shard without a batch holds no stage up, and a lost one is told of', () => {
  const { reporter, lines } = shown();
  const stages = new ShardStages(reporter);
  stages.begin(2);
  const error = { code: 'WORKER_LOST', message: 'gone' };
  const outcome = { state: 'FAILED', seconds: 1, error } as const;
  const shard = { index: 2, of: 2 };
  stages.tell({ type: 'retry', cell: 1, shard, attempt: 2, outcome, seconds: 2, note: 'anew' });
  stages.tell({ type: 'ended', cell: 1, shard, attempt: 2, outcome: { state: 'COMPLETED', seconds: 1 } });
  stages.tell(at(1, 'attack', 4, true));
  expect(lines).toContain('warning: shard 2/2: WORKER_LOST: gone; once more in 2 s, anew');
  expect(lines.at(-1)).toBe('attack a is over');
});
