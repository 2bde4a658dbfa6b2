import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { Random } from '../random/random.js';
import { selectItems } from './select-items.js';

const random = () => new Random(1, 'shuffle');
const items = fc.uniqueArray(fc.integer(), { maxLength: 30 });

describe('selectItems', () => {
  it('takes everything by default, in order', () => {
    expect(selectItems([3, 1, 2], {}, random)).toEqual([3, 1, 2]);
    expect(selectItems([3, 1, 2], { skip: 0, limit: 0, shuffle: false }, random)).toEqual([3, 1, 2]);
  });

  it('skips, then limits', () => {
    fc.assert(
      fc.property(items, fc.nat(40), fc.integer({ min: 1, max: 40 }), (all, skip, limit) => {
        expect(selectItems(all, { skip, limit }, random)).toEqual(all.slice(skip, skip + limit));
      }),
    );
  });

  it('shuffles before that, the same way for the same stream', () => {
    fc.assert(
      fc.property(items, fc.nat(20), (all, skip) => {
        const shuffled = selectItems(all, { shuffle: true }, random);
        expect([...shuffled].sort()).toEqual([...all].sort());
        expect(selectItems(all, { shuffle: true, skip }, random)).toEqual(shuffled.slice(skip));
      }),
    );
    const many = Array.from({ length: 50 }, (_, i) => i);
    const one = selectItems(many, { shuffle: true }, random);
    expect(one).not.toEqual(many);
    expect(selectItems(many, { shuffle: true }, () => new Random(2, 'shuffle'))).not.toEqual(one);
  });
});
