import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { reasonOf, ShieldError } from '@shield/core';

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
 * Boxes by the name of the image's file, from files as TensorFlow's process_bounding_boxes.py writes them: lines of
 * `n00007846_64193.JPEG,0.0060,0.2620,0.7545,0.9940` (xmin, ymin, xmax, ymax), several for an image of several boxes.
 *
 * @throws DATASET_INVALID naming the line
 */
export async function readBoundingBoxes(
  paths: readonly string[],
): Promise<ReadonlyMap<string, readonly BoundingBox[]>> {
  const boxes = new Map<string, BoundingBox[]>();
  for (const path of paths) {
    let number = 0;
    const invalid = (reason: string, cause?: unknown) => {
      const expected = 'lines of NAME.JPEG,xmin,ymin,xmax,ymax with shares of the width and height from 0 to 1';
      return new ShieldError('DATASET_INVALID', { name: 'imagenet', reason: `${path}${reason}`, expected }, { cause });
    };
    try {
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
        if (!box) throw invalid(`, line ${number}: "${line.slice(0, 60)}" is no bounding box`);
        const [name, corners] = box;
        const known = boxes.get(name);
        if (known) known.push(corners);
        else boxes.set(name, [corners]);
      }
    } catch (error) {
      throw error instanceof ShieldError ? error : invalid(`: ${reasonOf(error)}`, error);
    }
  }
  return boxes;
}

function boxOf(line: string): [string, BoundingBox] | undefined {
  if (line.length > MOST_LINE) return undefined;
  const [name, ...corners] = line.split(',').map((part) => part.trim());
  const [xmin, ymin, xmax, ymax] = corners.map((corner) => (corner === '' ? NaN : Number(corner)));
  if (!name || corners.length !== 4) return undefined;
  const inside = [xmin, ymin, xmax, ymax].every((corner) => corner! >= 0 && corner! <= 1);
  return inside ? [name, { xmin: xmin!, ymin: ymin!, xmax: xmax!, ymax: ymax! }] : undefined;
}
