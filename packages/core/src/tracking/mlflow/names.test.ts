import fc from 'fast-check';
import { expect, it } from 'vitest';
import { chunks, mlflowKey, mlflowParam } from './names.js';

/** MLflow's own rule (utils/validation.py): the characters, the length, and a path that normalizes to itself. */
function isTaken(key: string): boolean {
  const parts = key.split('/');
  return (
    /^[\w\-. :/]+$/.test(key) && key.length <= 250 && parts.every((part) => part !== '' && !/^\.{1,2}$/.test(part))
  );
}

it('keys are such as MLflow takes; those it takes stay as they are, and no two become one', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.oneof(fc.string(), fc.stringMatching(/^[./a=]{1,6}$/)), { minLength: 2 }), (keys) => {
      const made = keys.map(mlflowKey);
      made.forEach((key) => expect(isTaken(key), key).toBe(true));
      keys.forEach((key, i) => {
        if (isTaken(key) && !key.split('/').some((part) => /^\.+$/.test(part))) expect(made[i]).toBe(key);
      });
      expect(new Set(made).size).toBe(keys.length);
    }),
    { numRuns: 500 },
  );
  for (const key of ['clean/top1', 'attacks.cw_l2.max_iterations', 'a b:c', 'x'.repeat(250)])
    expect(mlflowKey(key)).toBe(key);
  expect(mlflowKey('x'.repeat(251))).toHaveLength(250);
});

it('params are cut where MLflow would cut them, and say so', () => {
  expect(mlflowParam('k', 'x'.repeat(6000), 'f').value).toBe('x'.repeat(6000));
  const { value } = mlflowParam('k', 'x'.repeat(6001), 'resolved.yaml');
  expect(value).toHaveLength(6000);
  expect(value).toMatch(/x… \(whole in resolved\.yaml\)$/);
  expect([null, 1.5, true, 'a'].map((each) => mlflowParam('k', each, 'f').value)).toEqual(['null', '1.5', 'true', 'a']);
});

it('chunks hold every item once, in order', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 50 }), fc.integer({ min: 1, max: 9 }), (items, size) => {
      const pieces = chunks(items, size);
      expect(pieces.flat()).toEqual(items);
      pieces.forEach((piece) => expect(piece.length).toBeLessThanOrEqual(size));
    }),
  );
});
