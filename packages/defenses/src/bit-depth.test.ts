import { Random } from '@shield/core';
import { defenseConformance } from '@shield/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import bitDepth from './bit-depth.js';
import { recorded } from './testing/recorded.js';

const random = new Random('bit_depth');
const apply = async (values: number[], bits: number) => {
  const data = Float32Array.from([...values, ...Array<number>((3 - (values.length % 3)) % 3).fill(0)]);
  const result = await bitDepth.apply({ data, height: 1, width: data.length / 3 }, { bits }, random);
  return [...result.data].slice(0, values.length);
};

describe('bit_depth', () => {
  it('gives what NumPy gave, to the bit', async () => {
    const cases = recorded('bit_depth');
    expect(cases.length).toBeGreaterThan(3);
    for (const { image, options, pixels } of cases) {
      const { data } = await bitDepth.apply(image, { bits: 5, ...options }, random);
      expect({ options, data: [...data] }).toEqual({ options, data: [...pixels] });
    }
  });

  it('takes halves to the even level', async () => {
    expect(await apply([0, 0.49, 0.5, 0.51, 1], 1)).toEqual([0, 0, 0, 1, 1]);
    expect(await apply([0.5, 1.5 / 3, 0.83334, 0.16666], 2)).toEqual([2, 2, 3, 0].map((k) => Math.fround(k / 3)));
  });

  it('leaves 2^bits levels, none farther than half a step, and does nothing more when it is done again', async () => {
    const value = fc.double({ min: 0, max: 1, noNaN: true });
    await fc.assert(
      fc.asyncProperty(
        fc.array(value, { minLength: 3, maxLength: 60 }),
        fc.integer({ min: 1, max: 8 }),
        async (x, bits) => {
          const top = 2 ** bits - 1;
          const once = await apply(x, bits);
          once.forEach((level, i) => {
            expect(Math.abs(level * top - Math.round(level * top))).toBeLessThan(1e-4);
            expect(Math.abs(level - x[i]!)).toBeLessThanOrEqual(0.5 / top + 1e-6);
          });
          expect(await apply(once, bits)).toEqual(once);
        },
      ),
    );
  });
});

describe('bit_depth conforms', () => {
  for (const { name, run } of defenseConformance(bitDepth, { variations: { bits: [{ bits: 2 }] } })) it(name, run);
});
