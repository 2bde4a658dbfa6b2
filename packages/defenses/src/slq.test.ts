import { Random } from '@shield/core';
import { defenseConformance } from '@shield/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import jpeg from './jpeg.js';
import { drawnImage } from './jpeg-kernel/testing/drawn-image.js';
import slq from './slq.js';

const codec = { subsampling: '4:2:0', idct: 'islow', codec: 'kernel' } as const;
const defaults = { qualities: [20, 40, 60, 80], weights: [], patch: 8, offset: [0, 0], ...codec };
type Options = Parameters<typeof slq.apply>[1];

const image = drawnImage(8, 3, 45, 70);
const defended = async (options: Partial<Options>, seed = 1) =>
  Buffer.from((await slq.apply(image, { ...defaults, ...options }, new Random('slq.test', seed))).data);

/** The qualities whose round trip a patch equals. */
async function qualitiesOf(pixels: Buffer, patch: number, [y, x]: [number, number]): Promise<number[][]> {
  const { height, width } = image;
  const trips = await Promise.all(
    defaults.qualities.map(async (quality) => jpeg.apply(image, { quality, ...codec }, new Random(0))),
  );
  const found: number[][] = [];
  for (let top = y > 0 ? y - patch : 0; top < height; top += patch) {
    for (let left = x > 0 ? x - patch : 0; left < width; left += patch) {
      const equal = defaults.qualities.filter((_, k) => {
        for (let row = Math.max(top, 0); row < Math.min(top + patch, height); row++) {
          const start = (row * width + Math.max(left, 0)) * 3;
          const end = (row * width + Math.min(left + patch, width)) * 3;
          if (!pixels.subarray(start, end).equals(trips[k]!.data.subarray(start, end) as Uint8Array)) return false;
        }
        return true;
      });
      found.push(equal);
    }
  }
  return found;
}

describe('slq', () => {
  it('takes every patch of a non-square image from one of the round trips, all of which occur', async () => {
    for (const [patch, offset] of [
      [8, [0, 0]],
      [8, [3, 5]],
      [11, [0, 0]],
    ] as [number, [number, number]][]) {
      const found = await qualitiesOf(await defended({ patch, offset }), patch, offset);
      expect(found.every((qualities) => qualities.length > 0)).toBe(true);
      expect(new Set(found.flat())).toEqual(new Set(defaults.qualities));
    }
  });

  it('draws row by row from the stream, the same by both codecs', async () => {
    const random = new Random('slq.test', 1);
    const drawn = Array.from({ length: 6 * 9 }, () => defaults.qualities[Math.floor(random.uniform() * 4)]!);
    const found = await qualitiesOf(await defended({}), 8, [0, 0]);
    expect(found).toHaveLength(drawn.length);
    expect(found.every((qualities, i) => qualities.includes(drawn[i]!))).toBe(true);
    expect((await defended({})).equals(await defended({ codec: 'sharp' }))).toBe(true);
    expect((await defended({})).equals(await defended({}, 2))).toBe(false);
  });

  it('equals the patches of whole-image round trips, for any size, patch, offset and qualities', async () => {
    const side = fc.integer({ min: 1, max: 40 });
    const given = fc.tuple(
      side,
      side,
      fc.double({ max: 1, min: 0, noNaN: true, maxExcluded: true }),
      fc.nat(),
      fc.nat(),
    );
    const anyQualities = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(
        given,
        anyQualities,
        fc.nat(1000),
        async ([height, width, share, down, across], qualities, seed) => {
          const small = drawnImage(seed, 3, height, width);
          const patch = 1 + Math.floor(share * Math.max(height, width));
          const offset = [down % patch, across % patch];
          const options = { ...defaults, qualities, patch, offset };
          const { data } = await slq.apply(small, options, new Random('any', seed));

          const trips = await Promise.all(
            qualities.map(async (quality) => jpeg.apply(small, { quality, ...codec }, new Random(0))),
          );
          // The grid has a corner at the offset; what lies above or left of it belongs to a cut patch.
          const place = (at: number, corner: number) => Math.floor((at - corner) / patch) + (corner > 0 ? 1 : 0);
          const columns = place(width - 1, offset[1]!) + 1;
          const random = new Random('any', seed);
          const drawn = Array.from({ length: (place(height - 1, offset[0]!) + 1) * columns }, () =>
            Math.floor(random.uniform() * qualities.length),
          );
          const expected = data.map((_, i) => {
            const [y, x] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width];
            return trips[drawn[place(y, offset[0]!) * columns + place(x, offset[1]!)]!]!.data[i]!;
          });
          expect(Buffer.from(data as Uint8Array).equals(expected as Uint8Array)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('heeds weights', async () => {
    const only = await defended({ weights: [0, 0, 1, 0] });
    const trip = await jpeg.apply(image, { quality: 60, ...codec }, new Random(0));
    expect(only.equals(trip.data as Uint8Array)).toBe(true);
    const found = await qualitiesOf(await defended({ weights: [0.5, 0.5, 0, 0] }), 8, [0, 0]);
    expect(found.every((qualities) => qualities.includes(20) || qualities.includes(40))).toBe(true);
  });

  it.each([
    { qualities: [20, 40, 60, 90] },
    { patch: 16 },
    { offset: [4, 0] },
    { offset: [0, 1] },
    { subsampling: '4:4:4' },
    { subsampling: '4:2:2' },
    { idct: 'ifast' },
  ] as Partial<Options>[])('heeds %o', async (options) => {
    expect((await defended(options)).equals(await defended({}))).toBe(false);
  });

  it.each([
    { weights: [0.5, 0.5] },
    { weights: [0.3, 0.3, 0.3, 0.3] },
    { patch: 71 },
    { offset: [8, 0] },
    { codec: 'sharp', idct: 'ifast' },
  ] as Partial<Options>[])('refuses %o', async (options) => {
    await expect((async () => defended(options))()).rejects.toMatchObject({ code: 'SPEC_INVALID_VALUE' });
  });
});

describe('slq conforms', () => {
  const variations = {
    qualities: [{ qualities: [10, 90] }],
    weights: [{ weights: [0, 0, 0.5, 0.5] }],
    patch: [{ patch: 5 }],
    offset: [{ offset: [3, 1] }],
    subsampling: [{ subsampling: '4:4:4' }],
    idct: [{ idct: 'ifast' }],
    codec: [{ codec: 'sharp' }],
  };
  // A patch must not be larger than the image.
  const sizes = [
    [8, 8],
    [7, 9],
    [17, 33],
    [35, 9],
    [24, 31],
  ] as const;
  for (const { name, run } of defenseConformance(slq, { variations, sizes })) it(name, run);
  const tiny = defenseConformance(slq, {
    options: { patch: 1 },
    sizes: [
      [1, 1],
      [7, 5],
    ],
  });
  for (const { name, run } of tiny) if (!name.startsWith('option')) it(`${name} (patches of one pixel)`, run);
});
