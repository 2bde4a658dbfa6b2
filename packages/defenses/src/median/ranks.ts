/** The distinct values of an array in ascending order, and for each place the number of its value among them. */
export interface Ranks {
  readonly values: Int32Array;
  readonly ranks: Int32Array;
}

const DIGIT = 11;
const BUCKETS = 1 << DIGIT;

/** @param bits whole numbers, 0 or more; sorted by three digits of eleven bits */
export function rank(bits: Int32Array): Ranks {
  const { length } = bits;
  let order = new Int32Array(length);
  let sorted = new Int32Array(length);
  for (let i = 0; i < length; i++) order[i] = i;
  const starts = new Int32Array(BUCKETS);
  for (let shift = 0; shift < 32; shift += DIGIT) {
    starts.fill(0);
    for (let i = 0; i < length; i++) starts[(bits[i]! >>> shift) & (BUCKETS - 1)]!++;
    for (let digit = 0, sum = 0; digit < BUCKETS; digit++) {
      const count = starts[digit]!;
      starts[digit] = sum;
      sum += count;
    }
    for (let i = 0; i < length; i++) {
      const from = order[i]!;
      sorted[starts[(bits[from]! >>> shift) & (BUCKETS - 1)]!++] = from;
    }
    [order, sorted] = [sorted, order];
  }
  const values = new Int32Array(length);
  const ranks = new Int32Array(length);
  let count = 0;
  for (let i = 0; i < length; i++) {
    const value = bits[order[i]!]!;
    if (count === 0 || values[count - 1] !== value) values[count++] = value;
    ranks[order[i]!] = count - 1;
  }
  return { values: values.slice(0, count), ranks };
}
