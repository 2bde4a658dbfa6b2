import * as tf from '@tensorflow/tfjs-core';
import { openBackend } from '../backend/open-backend.js';

/** TensorFlow's decode_jpeg of 3 channels: interleaved RGB. @param method '' for its default */
export type DecodeByTensorflow = (
  file: Uint8Array,
  method: '' | 'INTEGER_FAST' | 'INTEGER_ACCURATE',
) => Promise<Uint8Array>;

/** What is used of tfjs-node's backend: the method behind tf.node.decodeJpeg, and any op. */
interface NodeBackend {
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

/** TensorFlow's own decoder, or undefined where the native backend was not prepared (shield setup). */
export async function tensorflowDecoder(): Promise<DecodeByTensorflow | undefined> {
  const silent = () => undefined;
  const native = await openBackend('node', { allowSetup: false, threads: 1, log: silent, warn: silent }).catch(silent);
  if (!native) return undefined;
  const backend = tf.backend() as unknown as NodeBackend;
  return async (file, method) => numbers(backend, backend.decodeJpeg(file, 3, 1, true, false, 1, method));
}

/** TensorFlow's bytes; tfjs-node cannot read its 8-bit tensors. */
async function numbers(backend: NodeBackend, bytes: tf.Tensor): Promise<Uint8Array> {
  const { TF_ATTR_TYPE, TF_ATTR_BOOL, TF_UINT8, TF_INT32 } = backend.binding;
  const attributes = [
    { name: 'SrcT', type: TF_ATTR_TYPE, value: TF_UINT8 },
    { name: 'DstT', type: TF_ATTR_TYPE, value: TF_INT32 },
    { name: 'Truncate', type: TF_ATTR_BOOL, value: false },
  ];
  const whole = backend.executeSingleOutput('Cast', attributes, [bytes]);
  const values = Uint8Array.from(await whole.data());
  tf.dispose([bytes, whole]);
  return values;
}
