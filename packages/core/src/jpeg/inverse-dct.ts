/** libjpeg's accurate integer inverse DCT, or its fast one (the default of TensorFlow's decode_jpeg). */
export type InverseDct = 'islow' | 'ifast';

/*
 * libjpeg's two integer inverse DCTs (ITU T.81, A.3.3): columns first, then rows. `islow` is that of Loeffler,
 * Ligtenberg and Moschytz (ICASSP 1989) with 13-bit constants; `ifast` that of Arai, Agui and Nakajima (1988) with 8-bit
 * constants and products that are cut, not rounded, so that it comes a little dark and less accurate.
 */

const CONSTANT_BITS = 13;
const EXTRA_BITS = 2;

/** A constant in 13-bit fixed point. */
const fix = (value: number) => Math.round(value * (1 << CONSTANT_BITS));

/** Divides by 2^bits, to the nearest, halves up. */
const descale = (value: number, bits: number) => (value + (1 << (bits - 1))) >> bits;

/** The low 16 bits, signed: the SIMD code that x86 and Arm builds of libjpeg-turbo run lets sums and shifts wrap. */
const wrap = (value: number) => (value << 16) >> 16;

/** A product with an 8-bit constant, cut (towards minus infinity) to 16 bits. */
const cut = (value: number, constant: number) => (wrap(value << 2) * Math.round(constant * 256)) >> 10;

/**
 * What `islow` and `ifast` multiply quantised coefficients with: the step, or the step times the scale of the fast DCT.
 *
 * @param steps 64 of them, row by row; of more than 15 bits, as no encoder of 8-bit images has them, the low ones count
 */
export function dequantisers(steps: ArrayLike<number>, idct: InverseDct): Int16Array {
  const out = new Int16Array(64);
  for (let i = 0; i < 64; i++) out[i] = idct === 'islow' ? steps[i]! : descale(steps[i]! * FAST_SCALES[i]!, 12);
  return out;
}

/** Scales of the coefficients in the fast DCT, row by row, in 14-bit fixed point. */
const FAST_SCALES = Int32Array.from({ length: 64 }, (_, i) => {
  const factor = (k: number) => (k === 0 ? 1 : Math.SQRT2 * Math.cos((k * Math.PI) / 16));
  return Math.round(factor(i >> 3) * factor(i & 7) * (1 << 14));
});

/**
 * Transforms in place.
 *
 * @param block 64 quantised coefficients times their dequantisers (the low 16 bits), row by row; becomes 64 samples in 0…255
 */
export function inverseDct(block: Int32Array, idct: InverseDct): void {
  const pass = idct === 'islow' ? slowPass : fastPass;
  for (let column = 0; column < 8; column++) pass(block, column, 8, false);
  for (let row = 0; row < 8; row++) pass(block, row * 8, 1, true);
}

const sample = (value: number) => Math.min(Math.max(value + 128, 0), 255);

function slowPass(block: Int32Array, start: number, step: number, last: boolean): void {
  const at = (i: number) => block[start + i * step]!;
  const bits = last ? CONSTANT_BITS + EXTRA_BITS + 3 : CONSTANT_BITS - EXTRA_BITS;
  const set = (i: number, value: number) => {
    const rounded = descale(value, bits);
    block[start + i * step] = last ? sample(rounded) : rounded;
  };
  const evenTurn = (at(2) + at(6)) * fix(0.5411961);
  const low = evenTurn + at(2) * fix(0.765366865);
  const high = evenTurn - at(6) * fix(1.847759065);
  const sum = (at(0) + at(4)) << CONSTANT_BITS;
  const difference = (at(0) - at(4)) << CONSTANT_BITS;
  const even = [sum + low, difference + high, difference - high, sum - low] as const;

  const oddTurn = (at(1) + at(3) + at(5) + at(7)) * fix(1.175875602);
  const z1 = -(at(7) + at(1)) * fix(0.899976223);
  const z2 = -(at(5) + at(3)) * fix(2.562915447);
  const z3 = oddTurn - (at(7) + at(3)) * fix(1.96157056);
  const z4 = oddTurn - (at(5) + at(1)) * fix(0.390180644);
  const odd = [
    at(1) * fix(1.50132111) + z1 + z4,
    at(3) * fix(3.072711026) + z2 + z3,
    at(5) * fix(2.053119869) + z2 + z4,
    at(7) * fix(0.298631336) + z1 + z3,
  ] as const;
  for (const i of [0, 1, 2, 3] as const) {
    set(i, even[i] + odd[i]);
    set(7 - i, even[i] - odd[i]);
  }
}

function fastPass(block: Int32Array, start: number, step: number, last: boolean): void {
  const at = (i: number) => block[start + i * step]!;
  // The scale of the tables leaves 2 bits, and the transform 3: they are cut off at the end.
  const set = (i: number, value: number) =>
    void (block[start + i * step] = last ? sample(wrap(value) >> 5) : wrap(value));
  const sum = at(0) + at(4);
  const difference = at(0) - at(4);
  const pair = at(2) + at(6);
  const turn = cut(at(2) - at(6), 1.414213562) - pair;
  const even = [sum + pair, difference + turn, difference - turn, sum - pair] as const;

  const z13 = at(5) + at(3);
  const z10 = at(5) - at(3);
  const z11 = at(1) + at(7);
  const z12 = at(1) - at(7);
  const odd0 = z11 + z13;
  const z5 = cut(z10 + z12, 1.847759065);
  const odd1 = cut(z10, -1.61312593) - z10 + z5 - odd0;
  const odd2 = cut(z11 - z13, 1.414213562) - odd1;
  const odd3 = cut(z12, 1.0823922) - z5 + odd2;
  const odd = [odd0, odd1, odd2, -odd3] as const;
  for (const i of [0, 1, 2, 3] as const) {
    set(i, even[i] + odd[i]);
    set(7 - i, even[i] - odd[i]);
  }
}
