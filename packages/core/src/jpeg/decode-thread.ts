/*
 * What runs in each thread of decode-threads.ts: files in, pixels out, one after another.
 */
import { parentPort } from 'node:worker_threads';
import { reasonOf } from '../errors/index.js';
import { decodeJpeg } from './decode-jpeg.js';
import type { DecodeAnswer, DecodeRequest } from './decode-threads.js';

parentPort!.on('message', ({ number, bytes, idct, mostPixels }: DecodeRequest) => {
  try {
    const image = decodeJpeg(bytes, idct, mostPixels);
    parentPort!.postMessage({ number, image } satisfies DecodeAnswer, [image.data.buffer as ArrayBuffer]);
  } catch (error) {
    parentPort!.postMessage({ number, reason: reasonOf(error) } satisfies DecodeAnswer);
  }
});
