import { join } from 'node:path';
import {
  lockHolder,
  makeFolder,
  RunLock,
  ShieldError,
  writeError,
  type ProvisionContext,
  type ProvisionedSplit,
  type ProvisionRequest,
  type Split,
  type WrittenRecords,
} from '@shield/core';
import { readBoundingBoxes, type BoundingBox } from './bounding-boxes.js';
import { numberClasses } from './class-numbers.js';
import { fetchRawData } from './fetch-raw-data.js';
import { findRawData, listImages } from './find-raw-data.js';
import type { ImageList } from './image-list.js';
import type { LabelledImage } from './raw-image.js';
import { ShardLedger } from './shard-ledger.js';
import { imagesOfShard, planShards, shardName, type ShardPlan } from './shard-plan.js';
import { makeShards } from './shard-pool.js';
import type { ShardJob } from './write-shard.js';

/** As the published scripts have them. */
const SHARDS: Readonly<Record<Split, number>> = { validation: 128, train: 1024 };
const PUBLISHED: Readonly<Record<Split, number>> = { validation: 50_000, train: 1_281_167 };

/** Says on other hosts that the folder is being worked on. */
const REFRESH_MS = 10_000;

/**
 * Makes the TFRecords of ImageNet (ILSVRC2012) out of its archives, or of folders that they were unpacked to, as the
 * original's setup/get_imagenet.py does: `train-00000-of-01024` … and `validation-00000-of-00128` … in folders of these
 * names beside `raw_data` and `checkpoints`. Nothing is unpacked to the disk. Every split is listed, labelled and counted
 * before anything is written; shards that are there already are kept.
 *
 * @throws PROVISION_NOTHING, PROVISION_INCOMPLETE, PROVISION_DIFFERS, PROVISION_BUSY, PROVISION_FAILED, ARCHIVE_CORRUPT,
 *   IMAGE_CORRUPT, DATASET_INVALID, DOWNLOAD_FAILED, DISK_FULL, WRITE_FAILED
 */
export async function provisionImagenet(
  request: ProvisionRequest,
  context: ProvisionContext,
): Promise<readonly ProvisionedSplit[]> {
  const { output, rawData, subset } = request;
  const { reporter, signal } = context;
  if (request.download !== undefined) {
    await folder(rawData);
    await fetchRawData(request, context);
  }
  const listed: { split: Split; images: ImageList<LabelledImage> }[] = [];
  for (const raw of findRawData(request)) {
    reporter.log(`${raw.split}: listing ${raw.path}`);
    const images = await listImages(raw, rawData, signal);
    const expected = PUBLISHED[raw.split];
    if (images.length !== expected && !subset) {
      const said = { split: raw.split, found: thousands(images.length), expected: thousands(expected) };
      throw new ShieldError('PROVISION_INCOMPLETE', said);
    }
    listed.push({ split: raw.split, images });
  }
  const boxes = request.boundingBoxes.length > 0 ? await readBoundingBoxes(request.boundingBoxes) : undefined;
  const wnids = new Set(listed.flatMap(({ images }) => images.wnids));
  const classes = numberClasses(wnids);
  if (!classes.imagenet) {
    reporter.warn(`not all classes are ImageNet's: they are numbered from 1 by the ${wnids.size} wnids that occur`);
  }
  const plans = listed.map(({ split, images }) => plan(split, images, request, classes.of, boxes));
  await folder(join(output, 'checkpoints'));
  const made: ProvisionedSplit[] = [];
  for (const one of plans) made.push(await writeSplit(one, request, context));
  return made;
}

function plan(
  split: Split,
  images: ImageList<LabelledImage>,
  { shards }: ProvisionRequest,
  numbers: ReadonlyMap<string, number>,
  boxes: ReadonlyMap<string, readonly BoundingBox[]> | undefined,
): ShardPlan {
  return planShards(split, images, shards[split] ?? SHARDS[split], numbers, boxes);
}

async function writeSplit(
  plan: ShardPlan,
  { output, workers, check }: ProvisionRequest,
  { reporter, signal }: ProvisionContext,
): Promise<ProvisionedSplit> {
  const began = performance.now();
  const path = join(output, plan.split);
  await folder(path);
  return whileLocked(path, async () => {
    const ledger = await ShardLedger.open(path, plan);
    const kept = ledger.totals();
    if (kept.shards > 0) reporter.log(`${plan.split}: ${kept.shards} of ${plan.shards} shards are there already`);
    const missing = Array.from({ length: plan.shards }, (_, shard) => shard).filter((shard) => !ledger.has(shard));
    if (missing.length > 0) {
      const jobOf = (shard: number): ShardJob => ({
        path: join(path, shardName(plan, shard)),
        images: imagesOfShard(plan, shard),
        check,
      });
      const bar = reporter.stage({ stage: 'provision', name: plan.split, total: plan.images.length - kept.images });
      let images = 0;
      const note = () => `${ledger.totals().shards}/${plan.shards} shards`;
      const progress = (count: number) => bar.update((images += count), note());
      const done = (shard: number, written: WrittenRecords) => ledger.add(shard, written);
      await makeShards(missing, jobOf, workers, { images: progress, done }, signal);
      bar.end(note());
    }
    const totals = ledger.totals();
    if (totals.images !== plan.images.length) {
      const reason = `${totals.images} of ${plan.images.length} records were written`;
      throw new ShieldError('PROVISION_FAILED', { shard: path, reason });
    }
    const seconds = (performance.now() - began) / 1000;
    return { split: plan.split, folder: path, ...totals, kept: kept.shards, seconds };
  });
}

/** @throws PROVISION_BUSY where another process works on the folder */
async function whileLocked<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = await RunLock.acquire(path).catch(async (error: unknown) => {
    const holder = await lockHolder(path);
    if (!holder) throw error;
    throw new ShieldError('PROVISION_BUSY', { path, pid: holder.pid, host: holder.host }, { cause: error });
  });
  const alive = setInterval(() => lock.refresh(), REFRESH_MS).unref();
  try {
    return await work();
  } finally {
    clearInterval(alive);
    lock.release();
  }
}

async function folder(path: string): Promise<void> {
  await makeFolder(path).catch((error: unknown) => Promise.reject(writeError(error, path)));
}

function thousands(count: number): string {
  return count.toLocaleString('en');
}
