import { expect, it } from 'vitest';
import { KeptRows } from './kept-rows.js';

it('KeptRows keeps what was read last, as far as its room goes', () => {
  const kept = new KeptRows(10);
  const batch = (seconds: number) => ({ rows: [], seconds });
  kept.add('a', batch(1), 4);
  kept.add('b', batch(2), 4);
  expect(kept.get('a')).toEqual(batch(1));
  kept.add('c', batch(3), 4);
  expect(['a', 'b', 'c'].map((path) => kept.get(path)?.seconds)).toEqual([1, undefined, 3]);
  kept.add('c', batch(4), 5);
  expect(['a', 'c'].map((path) => kept.get(path)?.seconds)).toEqual([1, 4]);
  kept.add('large', batch(5), 11);
  expect(['a', 'c', 'large'].map((path) => kept.get(path)?.seconds)).toEqual([undefined, undefined, undefined]);
  kept.add('a', batch(6), 10);
  kept.clear();
  kept.add('b', batch(7), 10);
  expect(['a', 'b'].map((path) => kept.get(path)?.seconds)).toEqual([undefined, 7]);
});
