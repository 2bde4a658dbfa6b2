import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canMountDisks, mountSmallDisk, startScript } from '../testing/processes.js';
import { ArtifactStore, keyHash, type Artifact } from './artifact-store.js';
import { attackedBatches, writeImages } from './attacked-images.js';
import { WHOLE } from './shard.js';
import type { AttackRow } from './rows.js';

interface Row {
  readonly id: string;
}

const KEY = { model: 'm', batch: 4, options: { eps: 8, list: [1, 2] } };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shield-artifacts-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Another value of the low bit of one byte. */
function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 1;
  writeFileSync(path, bytes);
}

describe('keys', () => {
  it('name an artifact by what they hold, in whatever order', () => {
    const key = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 8 });
    fc.assert(
      fc.property(key, fc.infiniteStream(fc.nat()), (members, order) => {
        const shuffled = Object.entries(members)
          .map((entry) => ({ entry, place: order.next().value as number }))
          .sort((a, b) => a.place - b.place)
          .map(({ entry }) => entry);
        expect(keyHash(Object.fromEntries(shuffled))).toBe(keyHash(members));
      }),
    );
  });

  it('tell values apart at any depth', () => {
    const others = [
      { ...KEY, batch: 5 },
      { ...KEY, batch: '4' },
      { ...KEY, options: { ...KEY.options, eps: 8.000001 } },
      { ...KEY, options: { ...KEY.options, list: [2, 1] } },
      { ...KEY, more: null },
    ];
    expect(new Set([KEY, ...others].map(keyHash)).size).toBe(others.length + 1);
  });
});

describe('batches', () => {
  const open = () => new ArtifactStore(folder).open<Row>('attacked', KEY);

  it('are there when their record is, in order, and stay for the next to open it', async () => {
    const artifact = await open();
    await artifact.write(0, [{ id: 'a' }, { id: 'b' }], 0.5);
    await artifact.write(1, [{ id: 'c' }], 0.25);
    expect(await artifact.complete()).toBeUndefined();
    await artifact.finish(2);
    const again = await open();
    expect(await again.complete()).toEqual({ batches: 2 });
    const rows: string[] = [];
    for await (const batch of again.batches()) rows.push(...batch.rows.map(({ id }) => id));
    expect(rows).toEqual(['a', 'b', 'c']);
    expect(again.name).toBe(`attacked-${keyHash(KEY)}`);
    expect(JSON.parse(readFileSync(join(again.path, 'key.json'), 'utf8'))).toEqual(KEY);
  });

  it('whose writing was cut short are not there', async () => {
    const artifact = await open();
    await artifact.write(0, [{ id: 'a' }], 1);
    const failed = artifact.write(1, [{ id: 'b' }], 1, async (path) => {
      writeFileSync(path, 'half of an im');
      throw new Error('killed here');
    });
    await expect(failed).rejects.toMatchObject({ code: 'WRITE_FAILED' });
    expect(readdirSync(artifact.path)).toContain('batch-000001.tfrecord');
    const again = await open();
    expect([again.has(0), again.has(1)]).toEqual([true, false]);
    const seen: number[] = [];
    for await (const { rows } of again.batches()) seen.push(rows.length);
    expect(seen).toEqual([1]);
    // The next attempt writes over the half file.
    await again.write(1, [{ id: 'b' }], 1, async (path) => {
      writeFileSync(path, 'whole');
      return { bytes: 5, sha256: createHash('sha256').update('whole').digest('hex') };
    });
    expect(readFileSync((await again.read(1)).file!, 'utf8')).toBe('whole');
  });

  it('survive kill -9 in the middle of writing: what was recorded is whole', async () => {
    const writer = startScript(
      'pipeline/artifact-store.js',
      `const artifact = await new core.ArtifactStore(${JSON.stringify(folder)}).open('attacked', ${JSON.stringify(KEY)});
       for (let i = 0; ; i++) {
         await artifact.write(i, Array.from({ length: 2000 }, (_, id) => ({ id: i + '-' + id })), 1);
         if (i === 3) console.log('going');
       }`,
    );
    await writer.printed('going');
    writer.process.kill('SIGKILL');
    await writer.finished;
    const artifact = await open();
    let batches = 0;
    for await (const { rows } of artifact.batches()) {
      expect(rows).toHaveLength(2000);
      expect(rows.at(-1)!.id).toBe(`${batches++}-1999`);
    }
    expect(batches).toBeGreaterThanOrEqual(4);
  });

  it('a flipped bit anywhere in a record, or a missing one, is found', async () => {
    const artifact = await open();
    await artifact.write(0, [{ id: 'a' }, { id: 'b' }], 0.5);
    const record = join(artifact.path, 'batch-000000.json');
    const whole = readFileSync(record);
    for (let at = 0; at < whole.length; at += 3) {
      writeFileSync(record, whole);
      flip(record, at);
      await expect(artifact.read(0), `byte ${at}`).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT' });
    }
    truncateSync(record, 20);
    await expect(artifact.read(0)).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT' });
    await expect(artifact.read(7)).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT' });
  });

  it('a damaged mark of completeness is found', async () => {
    const artifact = await open();
    await artifact.finish(1);
    writeFileSync(join(artifact.path, 'complete.json'), '');
    await expect(artifact.complete()).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT' });
  });

  it.skipIf(!canMountDisks())('say that the disk is full', async () => {
    const disk = mountSmallDisk(64 * 1024);
    try {
      const artifact = await new ArtifactStore(disk.path).open<Row>('attacked', KEY);
      await artifact.write(0, [{ id: 'a' }], 1);
      const large = Array.from({ length: 20_000 }, (_, i) => ({ id: `image ${i}` }));
      await expect(artifact.write(1, large, 1)).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect([artifact.has(0), artifact.has(1)]).toEqual([true, false]);
    } finally {
      disk.unmount();
    }
  });
});

describe('attacked images', () => {
  const size = { height: 2, width: 3 };
  const rows = (ids: readonly string[]) => ids.map((id) => ({ id, label: 3 }) as AttackRow);
  const pixels = (n: number) => Float32Array.from({ length: n * 18 }, (_, i) => Math.fround(((i * 37) % 101) / 100));

  async function written(): Promise<Artifact<AttackRow>> {
    const artifact = await new ArtifactStore(folder).open<AttackRow>('attacked', KEY);
    for (const [index, ids] of [['a', 'b'], ['c']].entries()) {
      const batch = { index, ids, labels: ids.map(() => 3), pixels: pixels(ids.length), dropped: [] };
      await artifact.write(index, rows(ids), 1, (path) => writeImages(path, batch, batch.pixels, size));
    }
    await artifact.finish(2);
    return artifact;
  }

  async function read(artifact: Artifact<AttackRow>, needed: (index: number) => boolean = () => true) {
    const batches = [];
    for await (const batch of attackedBatches(artifact, WHOLE, needed)) batches.push(batch);
    return batches;
  }

  it('come back bit for bit, and only the batches that are needed', async () => {
    const artifact = await written();
    const [first, second] = await read(artifact);
    expect(first).toMatchObject({ index: 0, ids: ['a', 'b'], labels: [3, 3], pixels: pixels(2) });
    expect(second).toMatchObject({ index: 1, ids: ['c'], pixels: pixels(1) });
    expect((await read(artifact, (index) => index === 1)).map(({ index }) => index)).toEqual([1]);
  });

  it('a flipped bit in an image, a file cut short or gone is found', async () => {
    const artifact = await written();
    const path = join(artifact.path, 'batch-000000.tfrecord');
    const whole = readFileSync(path);
    for (const at of [0, 9, Math.floor(whole.length / 2), whole.length - 1]) {
      writeFileSync(path, whole);
      flip(path, at);
      await expect(read(artifact), `byte ${at}`).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT' });
    }
    for (const length of [whole.length - 1, whole.length / 2, 0]) {
      writeFileSync(path, whole);
      truncateSync(path, length);
      await expect(read(artifact), `${length} bytes`).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT' });
    }
    rmSync(path);
    await expect(read(artifact)).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT' });
  });
});
