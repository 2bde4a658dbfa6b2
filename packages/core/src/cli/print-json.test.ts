import { describe, expect, it } from 'vitest';
import { jsonParts } from './print-json.js';

describe('JSON that is printed part by part', () => {
  it.each([0, 1, 3, 500, 1201])('is what JSON.stringify makes of it, with %i items', (n) => {
    const head = { name: 'a "sweep"', best: undefined, list: [0], of: { cells: [0] } };
    const cells = Array.from({ length: n }, (_, i) =>
      i % 3 === 0 ? i : { cell: i, text: 'a\n  ]\n]', none: undefined },
    );
    expect([...jsonParts(head, 'cells', cells)].join('')).toBe(`${JSON.stringify({ ...head, cells }, undefined, 2)}\n`);
  });
});
