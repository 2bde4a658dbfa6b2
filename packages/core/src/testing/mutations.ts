import type { Random } from '../random/random.js';

/** How often a test damages a file of each format: all of them where SHIELD_TEST_FULL is set (`npm run test:full`). */
export const MUTATIONS = process.env['SHIELD_TEST_FULL'] === '1' ? 1000 : 100;

/** A length that claims nearly the whole of what 64 bits can say, low byte first. */
const HUGE = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f);

/**
 * Bytes as a bad disk, a bad connection or somebody hostile leaves them: cut off, a bit turned, a length of 2^60, a part
 * over another, some bytes drawn anew.
 *
 * @param bytes at least one; not changed
 */
export function mutated(bytes: Uint8Array, random: Random): Uint8Array {
  const out = Uint8Array.from(bytes);
  const pick = (below: number) => Math.floor(random.uniform() * below);
  switch (pick(5)) {
    case 0:
      return out.subarray(0, pick(out.length));
    case 1:
      out[pick(out.length)]! ^= 1 << pick(8);
      return out;
    case 2: {
      const at = pick(out.length);
      out.set(HUGE.subarray(0, out.length - at), at);
      return out;
    }
    case 3: {
      const [from, to] = [pick(out.length), pick(out.length)];
      return out.copyWithin(to, from, Math.min(out.length, from + 1 + pick(64)));
    }
    default:
      for (let i = pick(8); i >= 0; i--) out[pick(out.length)] = pick(256);
      return out;
  }
}
