import { reasonOf, ShieldError, type WrittenRecords } from '@shield/core';
import { SourceFiles, writeShard, type ShardJob } from './write-shard.js';

/* A process of its own that makes one shard after the other: see ShardPool. */

/** What it says to the process that started it. */
export type WorkerMessage =
  | { readonly images: number }
  | { readonly done: WrittenRecords }
  | { readonly failed: { readonly code?: string; readonly params?: object; readonly reason: string } };

/** Messages about progress come no more often. */
const TELL_MS = 100;

const sources = new SourceFiles();
let turn: Promise<void> = Promise.resolve();

process.on('message', (job: ShardJob) => {
  turn = turn.then(() => work(job));
});
// The one that started it is gone, killed perhaps: nobody would hear of what is made from here on.
process.on('disconnect', () => process.exit(1));
// A Ctrl-C goes to the whole group; the parent lets its workers go when it has told people so.
process.on('SIGINT', () => undefined);

async function work(job: ShardJob): Promise<void> {
  let untold = 0;
  let told = performance.now();
  try {
    const done = await writeShard(job, sources, () => {
      untold++;
      const now = performance.now();
      if (now - told < TELL_MS) return;
      tell({ images: untold });
      [untold, told] = [0, now];
    });
    tell({ images: untold });
    tell({ done });
  } catch (error) {
    const known = error instanceof ShieldError ? { code: error.code, params: error.params } : {};
    tell({ failed: { ...known, reason: reasonOf(error) } });
  }
}

function tell(message: WorkerMessage): void {
  process.send?.(message);
}
