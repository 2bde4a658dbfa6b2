/**
 * Where coefficient k of a block's zigzag (ITU-T T.81, figure 5) stands among its 64, row by row. Whatever comes after the
 * last one, in a file that is damaged, counts as the last one.
 */
export const NATURAL = new Uint8Array(256).fill(63);

for (let k = 0, row = 0, column = 0, up = true; k < 64; k++) {
  NATURAL[k] = row * 8 + column;
  if (up) {
    if (column === 7) [row, up] = [row + 1, false];
    else if (row === 0) [column, up] = [column + 1, false];
    else [row, column] = [row - 1, column + 1];
  } else if (row === 7) [column, up] = [column + 1, true];
  else if (column === 0) [row, up] = [row + 1, true];
  else [row, column] = [row + 1, column - 1];
}
