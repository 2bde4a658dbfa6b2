import { dequantisers, type InverseDct } from '@shield/core/jpeg';

/** What two multiplications by less than one do in place of a division by `8 * step`, for {@link kernelTable}. */
export function reciprocal(step: number): { readonly factor: number; readonly scale: number } {
  const divisor = 8 * step;
  const bits = Math.floor(Math.log2(divisor));
  return { factor: Math.min(Math.floor(2 ** (15 + bits) / divisor), 32767), scale: 2 ** (15 - bits) };
}

/**
 * The table that the WebAssembly kernel quantises one component with: 64 each of reciprocals, scales, dequantisers, and
 * the largest sizes of a coefficient (times 8) that become zero.
 *
 * A coefficient c is quantised as round15((round15(c * factor) - n) * scale), with n = 1 where c is negative, else 0, and
 * round15(x) = floor((x + 2^14) / 2^15), which is what i16x8.q15mulr_sat_s does. With d = 8 * step, k = floor(log2 d) and
 * factor = floor(2^(15 + k) / d) this is floor(c / d + 1/2 + e), where for |c| < 2^14 the error e is in [0, 1/d) if c ≥ 0 and in
 * [-1/d, 0) if not. As c / d is a multiple of 1/d, that is the quotient rounded to the nearest, halves away from zero.
 */
export function kernelTable(steps: Uint8Array, idct: InverseDct): Int16Array {
  const table = new Int16Array(256);
  const multipliers = dequantisers(steps, idct);
  steps.forEach((step, i) => {
    const { factor, scale } = reciprocal(step);
    table[i] = factor;
    table[64 + i] = scale;
    table[128 + i] = multipliers[i]!;
    table[192 + i] = 4 * step - 1;
  });
  return table;
}
