import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ballotOf, countVotes } from './vote.js';

/** A member that gives these probabilities to the classes 0, 1, 2, …. */
const says = (...probabilities: number[]) => ballotOf(Float32Array.from(probabilities, Math.log), 0);

describe('a ballot', () => {
  it('holds softmax probabilities in the numbering of the dataset', () => {
    const { first, probabilities } = ballotOf(Float32Array.of(0, Math.log(2), Math.log(5)), 0);
    expect(first).toBe(2);
    expect(Array.from(probabilities, (p) => p.toFixed(6))).toEqual(['0.000000', '0.125000', '0.250000', '0.625000']);
    const background = ballotOf(Float32Array.of(Math.log(6), Math.log(1), Math.log(3)), 1);
    expect(background.first).toBe(-1);
    expect(Array.from(background.probabilities, (p) => p.toFixed(6))).toEqual(['0.600000', '0.100000', '0.300000']);
  });

  it('is refused with NaN in it', () =>
    expect(() => ballotOf(Float32Array.of(0, NaN), 0)).toThrow(expect.objectContaining({ code: 'MODEL_NAN' })));
});

describe('the vote', () => {
  it('majority: the class that most name, however sure the others are', () => {
    const ballots = [says(0.4, 0.35, 0.25), says(0.4, 0.35, 0.25), says(0.005, 0.99, 0.005)];
    expect(countVotes('majority', ballots, 3)).toMatchObject({ top: [0, 1, 2], votes: [0, 0, 1] });
    expect(countVotes('mean', ballots, 3)).toMatchObject({ top: [1, 0, 2], votes: [0, 0, 1] });
    expect(countVotes('majority', ballots, 1).p).toBeCloseTo((0.4 + 0.4 + 0.005) / 3, 6);
  });

  it('majority: ties go to the higher mean probability, then to the smaller class', () => {
    expect(countVotes('majority', [says(0.5, 0.4, 0.1), says(0.2, 0.7, 0.1)], 1).top).toEqual([1]);
    expect(countVotes('majority', [says(0.1, 0.6, 0.3), says(0.1, 0.3, 0.6)], 2).top).toEqual([1, 2]);
    // A class that nobody names comes after all that somebody does, whatever its mean.
    const ballots = [says(0.41, 0.4, 0.19), says(0.1, 0.4, 0.5), says(0.41, 0.4, 0.19)];
    expect(countVotes('majority', ballots, 3).top).toEqual([0, 2, 1]);
  });

  it('does not depend on the order of the members', () => {
    const ballot = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(
        fc.array(ballot, { minLength: 1, maxLength: 6 }),
        fc.constantFrom('majority', 'mean'),
        (all, vote) => {
          // Powers of two add up without rounding in any order.
          const ballots = all.map((logits) => says(...logits.map((value) => 2 ** value)));
          const rounded = ballots.map(({ first, probabilities }) => ({
            first,
            probabilities: probabilities.map((p) => Math.round(p * 2 ** 20) / 2 ** 20),
          }));
          const there = countVotes(vote, rounded, 4);
          const back = countVotes(vote, rounded.toReversed(), 4);
          expect(back.top).toEqual(there.top);
          expect(back.votes!.toReversed()).toEqual(there.votes);
        },
      ),
    );
  });

  it('never names a background class that no member has', () => {
    expect(countVotes('mean', [says(0.5, 0.5)], 5).top).toEqual([0, 1]);
    const withBackground = ballotOf(Float32Array.of(5, 1, 1), 1);
    expect(countVotes('mean', [withBackground, says(0.5, 0.5)], 5).top).toEqual([-1, 0, 1]);
  });
});
