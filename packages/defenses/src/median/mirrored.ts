/** For each place of a line with its margins, size / 2 before it and the rest behind, the sample that stands there. */
export function mirrored(length: number, size: number): Int32Array {
  return Int32Array.from({ length: length + size - 1 }, (_, i) => {
    const at = i - (size >> 1);
    const folded = ((at % (2 * length)) + 2 * length) % (2 * length);
    return folded < length ? folded : 2 * length - 1 - folded;
  });
}
