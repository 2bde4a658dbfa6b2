/**
 * Two-sided p of the exact sign test, which is McNemar's where each image has one verdict: how likely a split at least as
 * uneven is among the images that two runs judge differently, if either way is as likely as the other.
 *
 * @returns 1 where nothing changed
 */
export function signTest(fewer: number, more: number): number {
  const n = fewer + more;
  const least = Math.min(fewer, more);
  // log C(n, k) − n log 2, summed up from k = 0: factorials of large n are no numbers.
  let log = -n * Math.LN2;
  let tail = Math.exp(log);
  for (let k = 1; k <= least; k++) {
    log += Math.log((n - k + 1) / k);
    tail += Math.exp(log);
  }
  return Math.min(1, 2 * tail);
}
