import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Type } from '@sinclair/typebox';
import { chooseItems, defineDataset, reasonOf, ShieldError, type ByteImage } from '@shield/core';

const SIDE = 32;
const PLANE = SIDE * SIDE;
/** A byte for the class, then the red, the green and the blue plane. */
const RECORD = 1 + 3 * PLANE;
const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

/** CIFAR-10 in its binary version, as published: records of 3,073 bytes, one after the other. */
export default defineDataset({
  name: 'cifar10',
  summary: 'CIFAR-10 as published (binary version): 32 px, 10 classes',
  reference: {
    title: 'Krizhevsky: Learning Multiple Layers of Features from Tiny Images, 2009',
    url: 'https://www.cs.toronto.edu/~kriz/cifar.html',
  },
  // Beside these, every data set has limit, skip, shuffle, only_classes, only_ids, preprocess and on_corrupt from core.
  options: Type.Object({
    path: Type.String({ minLength: 1, description: 'one of its files, such as cifar-10-batches-bin/test_batch.bin' }),
  }),
  open: async (options, context) => {
    const path = context.resolvePath(options.path);
    const bytes = await contentOf(path);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    context.opened(path, sha256); // for the record of the run; and cells of a sweep share this as long as the file stands
    const all = Array.from({ length: bytes.length / RECORD }, (_, index) => ({
      index,
      id: `${basename(path, '.bin')}-${String(index).padStart(5, '0')}`,
      label: bytes[index * RECORD]!,
    }));
    const chosen = await chooseItems(all, options, context, {
      name: 'cifar10',
      of: (item) => item,
      classNumber: (word) => (CLASSES.includes(word) ? CLASSES.indexOf(word) : undefined),
    });
    const ids = chosen.map(({ id }) => id).join('\n');
    const fingerprint = createHash('sha256').update(`${sha256}\n${ids}`).digest('hex');
    return {
      size: chosen.length,
      classNames: CLASSES,
      fingerprint: () => Promise.resolve(fingerprint),
      unchanged: () => true, // beside the file that `opened` named, there is nothing that could
      async *items() {
        for (const { index, id, label } of chosen)
          yield { id, label, path: `${path} at byte ${index * RECORD}`, load: async () => interleaved(bytes, index) };
      },
    };
  },
});

async function contentOf(path: string): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const expected = `check dataset.path (${reasonOf(error)})`;
    throw new ShieldError('DATASET_MISSING', { name: 'cifar10', path, expected }, { cause: error });
  }
  if (bytes.length > 0 && bytes.length % RECORD === 0) return bytes;
  const reason = `${path} has ${bytes.length} bytes, which is no whole number of records of ${RECORD}`;
  throw new ShieldError('DATASET_INVALID', { name: 'cifar10', reason, expected: 'name a file of the binary version' });
}

/** Three planes to RGB, pixel by pixel. */
function interleaved(bytes: Buffer, index: number): ByteImage {
  const start = index * RECORD + 1;
  const data = Uint8Array.from({ length: 3 * PLANE }, (_, i) => bytes[start + (i % 3) * PLANE + Math.floor(i / 3)]!);
  return { data, height: SIDE, width: SIDE };
}
