import { createReadStream, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { reasonOf, ShieldError } from '@shield/core';
import { annotationFiles, holdsAnnotations } from './annotation-files.js';
import { boxesOfXml } from './bounding-box-xml.js';

/** Corners as shares of the width and height of an image. */
export interface BoundingBox {
  readonly xmin: number;
  readonly ymin: number;
  readonly xmax: number;
  readonly ymax: number;
}

/** A line is much shorter. */
const MOST_LINE = 4096;

/**
 * Boxes by the name of the image's file, from annotations in XML as ImageNet publishes them (a folder of them, an
 * archive, or a file), and from files as TensorFlow's process_bounding_boxes.py makes of these: lines of
 * `n00007846_64193.JPEG,0.0060,0.2620,0.7545,0.9940` (xmin, ymin, xmax, ymax), several for an image of several boxes.
 *
 * @throws DATASET_INVALID naming the file and line, ARCHIVE_CORRUPT
 */
export async function readBoundingBoxes(
  paths: readonly string[],
): Promise<ReadonlyMap<string, readonly BoundingBox[]>> {
  const boxes = new Map<string, BoundingBox[]>();
  const add = (name: string, more: readonly BoundingBox[]) => {
    const known = boxes.get(name);
    if (known) known.push(...more);
    else if (more.length > 0) boxes.set(name, [...more]);
  };
  for (const path of paths) {
    try {
      const status = await stat(path);
      if (await holdsAnnotations(path, status)) await readAnnotations(path, status, add);
      else await readLines(path, add);
    } catch (error) {
      throw error instanceof ShieldError ? error : invalid(`${path}: ${reasonOf(error)}`, error);
    }
  }
  return boxes;
}

type Add = (name: string, boxes: readonly BoundingBox[]) => void;

function invalid(reason: string, cause?: unknown): ShieldError {
  const expected =
    'annotations in XML as ImageNet publishes them, or lines of NAME.JPEG,xmin,ymin,xmax,ymax with shares of the width and height from 0 to 1';
  return new ShieldError('DATASET_INVALID', { name: 'imagenet', reason, expected }, { cause });
}

async function readAnnotations(path: string, status: Stats, add: Add): Promise<void> {
  let count = 0;
  for await (const file of annotationFiles(path, status)) {
    count++;
    try {
      const { name, boxes } = boxesOfXml(file.xml, file.path);
      add(name, boxes);
    } catch (error) {
      throw invalid(`${file.place} is no annotation: ${reasonOf(error)}`, error);
    }
  }
  if (count === 0) throw invalid(`${path} holds no annotations (.xml)`);
}

async function readLines(path: string, add: Add): Promise<void> {
  let number = 0;
  const input = createReadStream(path, 'latin1');
  const lines = createInterface({ input, crlfDelay: Infinity });
  // An error of the stream does not reach the loop over its lines.
  const failed = new Promise<never>((_, reject) => input.once('error', reject));
  failed.catch(() => undefined);
  const iterator = lines[Symbol.asyncIterator]();
  for (;;) {
    const next = await Promise.race([iterator.next(), failed]);
    if (next.done) break;
    const line = next.value;
    number++;
    if (line.trim() === '') continue;
    const box = boxOf(line);
    if (!box) throw invalid(`${path}, line ${number}: "${line.slice(0, 60)}" is no bounding box`);
    add(box[0], [box[1]]);
  }
}

function boxOf(line: string): [string, BoundingBox] | undefined {
  if (line.length > MOST_LINE) return undefined;
  const [name, ...corners] = line.split(',').map((part) => part.trim());
  const [xmin, ymin, xmax, ymax] = corners.map((corner) => (corner === '' ? NaN : Number(corner)));
  if (!name || corners.length !== 4) return undefined;
  const inside = [xmin, ymin, xmax, ymax].every((corner) => corner! >= 0 && corner! <= 1);
  return inside ? [name, { xmin: xmin!, ymin: ymin!, xmax: xmax!, ymax: ymax! }] : undefined;
}
