import type { Component } from './component.js';
import { dequantisers, inverseDct, type InverseDct } from './inverse-dct.js';
import { plane, type Plane } from './plane.js';

/** The samples of one component, whole blocks, from its coefficients. */
export function componentPlane(
  { rows, columns, unitColumns }: Component,
  coefficients: Int16Array,
  steps: Uint16Array,
  idct: InverseDct,
): Plane {
  const out = plane(8 * rows, 8 * columns);
  const multipliers = dequantisers(steps, idct);
  const block = new Int32Array(64);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = (row * unitColumns + column) * 64;
      for (let i = 0; i < 64; i++) block[i] = ((coefficients[from + i]! * multipliers[i]!) << 16) >> 16;
      inverseDct(block, idct);
      for (let y = 0; y < 8; y++) {
        const to = (8 * row + y) * out.width + 8 * column;
        for (let x = 0; x < 8; x++) out.data[to + x] = block[8 * y + x]!;
      }
    }
  }
  return out;
}
