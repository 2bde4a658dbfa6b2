import { Random } from '@shield/core';
import { defenseConformance } from '@shield/core/testing';
import { describe, expect, test } from 'vitest';
import round8 from './round8.js';

describe('round8 conforms', () => {
  for (const { name, run } of defenseConformance(round8)) test(name, run);
});

test('round8 leaves bytes as they are', async () => {
  const image = { data: Uint8Array.from([0, 1, 127, 128, 254, 255]), height: 1, width: 2 };
  expect(await round8.apply(image, {}, new Random('round8'))).toEqual(image);
});
