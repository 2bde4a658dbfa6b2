import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';

/** Images that have left an attack, until all have and they are wanted in their first order. */
export class DoneImages {
  readonly #parts: { readonly rows: readonly number[]; readonly images: Tensor4D }[] = [];

  /** @param images [rows.length, h, w, 3], owned from now on; `rows` says which images they are */
  add(rows: readonly number[], images: Tensor4D): void {
    this.#parts.push({ rows, images });
  }

  /** @param rows the images wanted, in this order; a tensor of the caller's */
  inOrder(rows: readonly number[]): Tensor4D {
    const place = new Map(this.#parts.flatMap((part) => part.rows).map((image, at) => [image, at]));
    const order = rows.map((image) => place.get(image) ?? -1);
    const images = this.#parts.map((part) => part.images);
    return tf.tidy(() => tf.gather(tf.concat(images, 0), tf.tensor1d(order, 'int32')));
  }

  dispose(): void {
    for (const { images } of this.#parts) images.dispose();
  }
}
