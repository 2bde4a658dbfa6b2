import { inverseIfast } from '../../core/assembly/jpeg/inverse-ifast';
import { inverseIslow, inverseIslowOfLower } from '../../core/assembly/jpeg/inverse-islow';
import { quantisedRow, survives } from './quantise';

/*
 * Quantisation and both inverse DCTs. Each turns 64 i16 coefficients times 8 into 8×8 signed samples at `to`, rows `stride`
 * bytes apart.
 */

export function quantisedIfast(coefficients: usize, table: usize, to: usize, stride: usize, scratch: usize): void {
  inverseIfast(
    quantisedRow(coefficients, table, 0),
    quantisedRow(coefficients, table, 1),
    quantisedRow(coefficients, table, 2),
    quantisedRow(coefficients, table, 3),
    quantisedRow(coefficients, table, 4),
    quantisedRow(coefficients, table, 5),
    quantisedRow(coefficients, table, 6),
    quantisedRow(coefficients, table, 7),
    to,
    stride,
    scratch,
  );
}

export function quantisedIslow(coefficients: usize, table: usize, to: usize, stride: usize, scratch: usize): void {
  const upper = v128.or(
    v128.or(survives(coefficients, table, 4), survives(coefficients, table, 5)),
    v128.or(survives(coefficients, table, 6), survives(coefficients, table, 7)),
  );
  const x0 = quantisedRow(coefficients, table, 0);
  const x1 = quantisedRow(coefficients, table, 1);
  const x2 = quantisedRow(coefficients, table, 2);
  const x3 = quantisedRow(coefficients, table, 3);
  if (!v128.any_true(upper)) {
    inverseIslowOfLower(x0, x1, x2, x3, to, stride, scratch);
    return;
  }
  const x4 = quantisedRow(coefficients, table, 4);
  const x5 = quantisedRow(coefficients, table, 5);
  const x6 = quantisedRow(coefficients, table, 6);
  const x7 = quantisedRow(coefficients, table, 7);
  inverseIslow(x0, x1, x2, x3, x4, x5, x6, x7, to, stride, scratch);
}
