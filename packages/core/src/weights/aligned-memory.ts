import { largeMemory, type LargeMemory } from '../backend/large-memory.js';

/** TensorFlow works in memory at such addresses as it is, and copies what lies elsewhere (Eigen's largest alignment). */
const ALIGNMENT = 64;

/** One large array, given out in pieces that the backend can take over without a copy. Pages are taken as they are written. */
export class AlignedMemory {
  #all: LargeMemory | undefined;
  #used = 0;

  readonly #capacity: number;

  /**
   * For pieces of these lengths.
   *
   * @param most bytes to reserve, whatever the lengths claim
   */
  constructor(lengths: readonly number[], most = Infinity) {
    this.#capacity = Math.min(
      most,
      lengths.reduce((sum, length) => sum + length + ALIGNMENT, 0),
    );
  }

  /**
   * A piece; undefined where no more is left.
   *
   * @param pivot the byte of it that is to be aligned
   */
  take(length: number, pivot = 0): Uint8Array<ArrayBuffer> | undefined {
    if (length > this.#capacity) return undefined;
    const { bytes, start } = (this.#all ??= largeMemory(this.#capacity));
    const at = this.#used + ((2 * ALIGNMENT - ((start + this.#used + pivot) % ALIGNMENT)) % ALIGNMENT);
    if (at + length > this.#capacity) return undefined;
    this.#used = at + length;
    return bytes.subarray(at, at + length);
  }
}
