import { rank } from './predictor.js';
import type { Prediction } from './rows.js';

/** What one member of an ensemble says of one image. */
export interface Ballot {
  /** In the dataset's numbering; −1 is a background class. */
  readonly first: number;
  /** Softmax probabilities: of class c at c + 1, of the background class first (0 where there is none). */
  readonly probabilities: Float64Array;
}

/** @param logits of one image; the dataset's class 0 stands at `labelOffset` (0 or 1). @throws MODEL_NAN */
export function ballotOf(logits: Float32Array, labelOffset: number): Ballot {
  const { top } = rank(logits, 1, labelOffset);
  const largest = logits[top[0]! + labelOffset]!;
  const probabilities = new Float64Array(logits.length + 1 - labelOffset);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  logits.forEach((logit, c) => (probabilities[c + 1 - labelOffset] = Math.exp(logit - largest) / sum));
  return { first: top[0]!, probabilities };
}

/**
 * What the members say together. By `majority` the class that most of them name is first, of several such the one with
 * the higher mean probability over all members, then the smaller one; by `mean` only these last two count. The same
 * rule orders the classes after the first. `p` is the mean probability of the first.
 *
 * @param k how many classes are wanted
 */
export function countVotes(vote: 'majority' | 'mean', ballots: readonly Ballot[], k: number): Prediction {
  const votes = ballots.map(({ first }) => first);
  const mean = Float64Array.from(
    ballots[0]!.probabilities,
    (_, i) => ballots.reduce((sum, { probabilities }) => sum + probabilities[i]!, 0) / ballots.length,
  );
  const named = new Map<number, number>();
  if (vote === 'majority') for (const first of votes) named.set(first + 1, (named.get(first + 1) ?? 0) + 1);
  const order = Array.from(mean.keys())
    // No background class is ever the answer of models without one.
    .filter((i) => i > 0 || mean[0]! > 0)
    .sort((a, b) => (named.get(b) ?? 0) - (named.get(a) ?? 0) || mean[b]! - mean[a]! || a - b);
  return { top: order.slice(0, k).map((i) => i - 1), p: mean[order[0]!]!, votes };
}
