import { createHash } from 'node:crypto';

/**
 * A stream of random numbers that is fixed by its name alone, never by what was drawn elsewhere. The pipeline names
 * streams by (seed, stage, image id, draw), so results do not depend on batch size, order, workers or resume.
 *
 * The generator is Philox4x32-10 (Salmon et al., SC 2011): counter based, so that streams never overlap.
 */
export class Random {
  readonly #key: readonly [number, number];
  readonly #stream: readonly [number, number];
  #counter = 0;
  readonly #block = new Uint32Array(4);
  #used = 4;
  #spareNormal: number | undefined;

  /** @param name what the stream belongs to; equal names give equal streams, different names unrelated ones. */
  constructor(...name: readonly (string | number)[]) {
    const digest = createHash('sha256').update(JSON.stringify(name)).digest();
    this.#key = [digest.readUInt32LE(0), digest.readUInt32LE(4)];
    this.#stream = [digest.readUInt32LE(8), digest.readUInt32LE(12)];
  }

  /** A 32-bit unsigned integer. */
  uint32(): number {
    if (this.#used === 4) {
      philox(this.#block, this.#counter++, this.#stream, this.#key);
      this.#used = 0;
    }
    return this.#block[this.#used++]!;
  }

  /** Uniform in [0, 1), with 32 bits of resolution. */
  uniform(): number {
    return this.uint32() / 4294967296;
  }

  /** A whole number in [0, bound), without bias. */
  integer(bound: number): number {
    const limit = 4294967296 - (4294967296 % bound);
    let value = this.uint32();
    while (value >= limit) value = this.uint32();
    return value % bound;
  }

  /** Standard normal (Box-Muller). */
  normal(): number {
    if (this.#spareNormal !== undefined) {
      const spare = this.#spareNormal;
      this.#spareNormal = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log((this.uint32() + 1) / 4294967296));
    const angle = 2 * Math.PI * this.uniform();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** A permutation of 0 … n-1 (Fisher-Yates). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}

function philox(
  out: Uint32Array,
  counter: number,
  stream: readonly [number, number],
  key: readonly [number, number],
): void {
  let c0 = counter >>> 0;
  let c1 = Math.floor(counter / 4294967296) >>> 0;
  let [c2, c3] = stream;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, c0);
    const [high1, low1] = multiply(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** The 64-bit product of two 32-bit numbers as [high, low]. */
function multiply(a: number, b: number): [number, number] {
  const low = Math.imul(a, b) >>> 0;
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  const high = aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(carry / 65536);
  return [high >>> 0, low];
}
