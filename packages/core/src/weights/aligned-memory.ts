/** TensorFlow works in memory at such addresses as it is, and copies what lies elsewhere (Eigen's largest alignment). */
const ALIGNMENT = 64;
/**
 * Where a large array begins in its page, behind the note that glibc keeps before it. Where this is not so (another C
 * library, or an array so small that it shares pages), TensorFlow copies, and nothing else is different.
 */
const START = 16;

/** One large array, given out in pieces that the backend can take over without a copy. Pages are taken as they are written. */
export class AlignedMemory {
  #all: Uint8Array<ArrayBuffer> | undefined;
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
    const at = this.#used + ((2 * ALIGNMENT - ((START + this.#used + pivot) % ALIGNMENT)) % ALIGNMENT);
    if (at + length > this.#capacity) return undefined;
    this.#all ??= new Uint8Array(this.#capacity);
    this.#used = at + length;
    return this.#all.subarray(at, at + length);
  }
}
