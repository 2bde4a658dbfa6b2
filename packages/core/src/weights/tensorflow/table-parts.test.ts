import { expect, it } from 'vitest';
import { blocksWith } from './table-parts.js';

const blocks = ['b', 'd', 'f', 'h'].map((lastKey, i) => ({ offset: 10 * i, size: 5, lastKey }));
const found = (...keys: readonly string[]) =>
  blocksWith(keys, blocks)
    .map(({ lastKey }) => lastKey)
    .join('');

it('finds the blocks that keys can be in: above the last key of the one before, up to its own', () => {
  expect(found('')).toBe('b');
  expect(found('b')).toBe('b');
  expect(found('b0')).toBe('d');
  expect(found('c', 'd', 'e', 'h')).toBe('dfh');
  expect(found('a', 'i')).toBe('b');
  expect(found('i')).toBe('');
  expect(found()).toBe('');
});

it('finds, for drawn keys, what looking at every block finds', () => {
  for (let seed = 1; seed < 200; seed++) {
    const keys = Array.from({ length: seed % 7 }, (_, i) =>
      String.fromCharCode(97 + ((seed * 31 + i * i * 17) % 10)),
    ).sort();
    const holds = (from: string, to: string) => keys.some((key) => key > from && key <= to);
    const wanted = blocks.filter(({ lastKey }, i) => holds(blocks[i - 1]?.lastKey ?? '', lastKey));
    expect(blocksWith(keys, blocks), keys.join()).toEqual(wanted);
  }
});
