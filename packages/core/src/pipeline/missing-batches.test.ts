import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startScript } from '../testing/processes.js';
import { projectRoot } from '../testing/shared-data.js';
import { ArtifactStore } from './artifact-store.js';
import { MissingBatches } from './missing-batches.js';
import { WHOLE, imagesIn, imagesUpTo, ownsBatch, type Shard } from './shard.js';

const KEY = { model: 'm' };
const BATCHES = 6;
const store = pathToFileURL(join(projectRoot(), 'packages', 'core', 'dist', 'pipeline', 'artifact-store.js')).href;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shield-batches-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = () => new ArtifactStore(folder).open<{ by: string }>('attacked', KEY);
const go = () => join(folder, 'go');

/** A process that fills the artifact; at the batch `holdAt` it stands until the file `go` is there. */
const filler = (name: string, shard: Shard = WHOLE, holdAt?: number) =>
  startScript(
    'pipeline/missing-batches.js',
    `const { existsSync } = await import('node:fs');
     const { ArtifactStore } = await import(${JSON.stringify(store)});
     const artifact = await new ArtifactStore(${JSON.stringify(folder)}).open('attacked', ${JSON.stringify(KEY)});
     const context = { shard: ${JSON.stringify(shard)}, signal: new AbortController().signal };
     const missing = new core.MissingBatches(context, [artifact]);
     await missing.fill(async () => {
       for (let index = 0; index < ${BATCHES}; index++) {
         if (!missing.needed(index) || !(await missing.claim(artifact, index))) continue;
         console.log('at ' + index);
         while (index === ${holdAt} && !existsSync(${JSON.stringify(go())})) await new Promise((r) => setTimeout(r, 10));
         await artifact.write(index, [{ by: '${name}' }], 1);
         missing.written(artifact, index);
       }
     }, () => console.log('waiting'));
     console.log('done');`,
  );

async function writers(): Promise<string[]> {
  const artifact = await open();
  const found: string[] = [];
  for await (const { rows } of artifact.batches()) found.push(rows[0]!.by);
  return found;
}

describe('missing batches', () => {
  it('two processes fill one artifact together: each batch is computed once, and the last ones are waited for', async () => {
    const first = filler('first', WHOLE, 0);
    await first.printed('at 0');
    const second = filler('second');
    await second.printed('waiting');
    writeFileSync(go(), '');
    const outcomes = await Promise.all([first.finished, second.finished]);
    expect(outcomes.map(({ stdout, stderr }) => [stdout.trim().split('\n'), stderr])).toEqual([
      [['at 0', 'done'], ''],
      [['at 1', 'at 2', 'at 3', 'at 4', 'at 5', 'waiting', 'done'], ''],
    ]);
    expect(await writers()).toEqual(['first', 'second', 'second', 'second', 'second', 'second']);
    expect(await (await open()).complete()).toEqual({ batches: BATCHES });
  });

  it('what a killed process had taken goes to another that waits for it', async () => {
    const first = filler('first', WHOLE, 1);
    await first.printed('at 1');
    const second = filler('second');
    await second.printed('waiting');
    first.process.kill('SIGKILL');
    await first.finished;
    expect((await second.finished).stdout.trim().split('\n').slice(-3)).toEqual(['waiting', 'at 1', 'done']);
    expect(await writers()).toEqual(['first', 'second', 'second', 'second', 'second', 'second']);
  });

  it('of several that others are at, one that is left is taken, and the others are waited for still', async () => {
    const artifact = await open();
    const [left, slow] = [await artifact.claim(0), await artifact.claim(1)];
    const missing = new MissingBatches({ shard: WHOLE, signal: new AbortController().signal }, [artifact]);
    const taken: number[] = [];
    const pass = async () => {
      for (let index = 0; index < 3; index++) {
        if (!missing.needed(index) || !(await missing.claim(artifact, index))) continue;
        taken.push(index);
        await artifact.write(index, [{ by: 'this' }], 1);
        missing.written(artifact, index);
      }
      if (!taken.includes(0)) return;
      const later = async () => {
        await artifact.write(1, [{ by: 'slow' }], 1);
        slow!.release();
      };
      setTimeout(() => void later(), 200);
    };
    await missing.fill(pass, () => left!.release());
    expect(taken).toEqual([2, 0]);
    expect(await writers()).toEqual(['this', 'slow', 'this']);
    expect(await artifact.complete()).toEqual({ batches: 3 });
  });

  it('and to one that comes later, without waiting', async () => {
    const first = filler('first', WHOLE, 0);
    await first.printed('at 0');
    first.process.kill('SIGKILL');
    await first.finished;
    const { stdout } = await filler('second').finished;
    expect(stdout.trim().split('\n')).toEqual(['at 1', 'at 2', 'at 3', 'at 4', 'at 5', 'at 0', 'done']);
  });

  it('shards fill their own batches, and leave it to the whole to say that all are there', async () => {
    const shards = [1, 2, 3, 4].map((index) => ({ index, of: 4 }));
    await Promise.all(shards.map((shard) => filler(`${shard.index}`, shard).finished));
    expect(await (await open()).complete()).toBeUndefined();
    expect(await writers()).toEqual(['1', '2', '3', '4', '1', '2']);
    expect((await filler('whole').finished).stdout.trim()).toBe('done');
    expect(await (await open()).complete()).toEqual({ batches: BATCHES });
  });

  it('waiting ends when the run is stopped', async () => {
    const first = filler('first', WHOLE, 0);
    await first.printed('at 0');
    const artifact = await open();
    const stop = new AbortController();
    const missing = new MissingBatches({ shard: WHOLE, signal: stop.signal }, [artifact]);
    const waiting = missing.fill(
      async () => expect(missing.needed(0)).toBe(false),
      () => stop.abort(),
    );
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    first.process.kill('SIGKILL');
    await first.finished;
  });

  it('a stage that fails leaves nothing taken', async () => {
    const artifact = await open();
    const missing = new MissingBatches({ shard: WHOLE, signal: new AbortController().signal }, [artifact]);
    const failing = async () => {
      await missing.claim(artifact, 0);
      expect(artifact.claimed(0)).toBe(true);
      throw new Error('no');
    };
    await expect(missing.fill(failing, () => undefined)).rejects.toThrow('no');
    expect(artifact.claimed(0)).toBe(false);
    expect(existsSync(join(artifact.path, 'complete.json'))).toBe(false);
  });
});

describe('shards', () => {
  it('have every batch once, and its images', () => {
    for (const of of [1, 2, 3, 5, 9]) {
      const shards = Array.from({ length: of }, (_, i) => ({ index: i + 1, of }));
      for (const images of [1, 4, 7, 20, 21]) {
        const batches = Math.ceil(images / 4);
        for (let batch = 0; batch < batches; batch++)
          expect(shards.filter((shard) => ownsBatch(shard, batch))).toHaveLength(1);
        const shares = shards.map((shard) => imagesIn(shard, 4, images)!);
        expect(shares.reduce((sum, share) => sum + share)).toBe(images);
        expect(shares.every((share) => share >= 0)).toBe(true);
      }
    }
  });

  it('count the images that they have done', () => {
    const shard = { index: 2, of: 3 };
    expect([1, 4, 7].map((batch) => imagesUpTo(shard, batch, 4, 30))).toEqual([4, 8, 10]);
    expect(imagesUpTo(shard, 4, 4)).toBe(8);
    expect(imagesIn(shard, 4, undefined)).toBeUndefined();
    expect(imagesUpTo(WHOLE, 2, 4, 10)).toBe(10);
  });
});
