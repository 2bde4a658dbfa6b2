import * as tf from '@tensorflow/tfjs-core';
import { openBackend } from '@shield/core';
import type { InverseDct } from '@shield/core/jpeg';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { jpegRoundTrip } from './kernel.js';
import type { Subsampling } from './settings.js';
import { drawnImage } from './testing/drawn-image.js';

/** What is used of tfjs-node's backend: the method behind tf.node.decodeJpeg, and any op. */
interface TensorflowDecoder {
  readonly binding: Readonly<Record<'TF_ATTR_TYPE' | 'TF_ATTR_BOOL' | 'TF_UINT8' | 'TF_INT32', number>>;
  executeSingleOutput(name: string, attributes: object[], inputs: tf.Tensor[]): tf.Tensor;
  decodeJpeg(
    contents: Uint8Array,
    channels: number,
    ratio: number,
    fancyUpscaling: boolean,
    tryRecoverTruncated: boolean,
    acceptableFraction: number,
    dctMethod: string,
  ): tf.Tensor3D;
}

const METHODS = [
  ['', 'ifast'],
  ['INTEGER_FAST', 'ifast'],
  ['INTEGER_ACCURATE', 'islow'],
] satisfies [string, InverseDct][];

/** TensorFlow's bytes as numbers; tfjs-node cannot read its 8-bit tensors. */
async function numbers(backend: TensorflowDecoder, bytes: tf.Tensor): Promise<number[]> {
  const { TF_ATTR_TYPE, TF_ATTR_BOOL, TF_UINT8, TF_INT32 } = backend.binding;
  const attributes = [
    { name: 'SrcT', type: TF_ATTR_TYPE, value: TF_UINT8 },
    { name: 'DstT', type: TF_ATTR_TYPE, value: TF_INT32 },
    { name: 'Truncate', type: TF_ATTR_BOOL, value: false },
  ];
  const whole = backend.executeSingleOutput('Cast', attributes, [bytes]);
  const values = Array.from(await whole.data());
  tf.dispose([bytes, whole]);
  return values;
}

/** Where the native backend was not prepared (shield setup) there is no TensorFlow to compare with. */
const silent = () => undefined;
const native = await openBackend('node', { allowSetup: false, threads: 1, log: silent, warn: silent }).catch(silent);

it.skipIf(!native)("gives the pixels of TensorFlow's decode_jpeg (skipped without the native backend)", async () => {
  const decoder = tf.backend() as unknown as TensorflowDecoder;
  for (let k = 0; k < 90; k++) {
    const [method, idct] = METHODS[k % 3]!;
    const subsampling: Subsampling = k % 2 ? '4:2:0' : '4:4:4';
    const quality = 1 + ((k * 37) % 100);
    const [height, width] = [1 + ((k * 17) % 50), 1 + ((k * 23) % 61)];
    const image = drawnImage(k, 3, height, width);
    const options = { quality, chromaSubsampling: subsampling, mozjpeg: false, optimiseCoding: false };
    const file = await sharp(image.data, { raw: { height, width, channels: 3 } })
      .jpeg(options)
      .toBuffer();
    const expected = await numbers(decoder, decoder.decodeJpeg(new Uint8Array(file), 3, 1, true, false, 1, method));
    const found = Array.from(jpegRoundTrip(image, quality, { subsampling, idct }).data);
    const differences = found.filter((value, i) => value !== expected[i]).length;
    expect({ method, subsampling, quality, height, width, differences }).toMatchObject({ differences: 0 });
  }
});
