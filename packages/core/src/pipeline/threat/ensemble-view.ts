import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Cost } from '../../plugin/contracts.js';
import type { Vote } from '../../spec/resolved-spec.js';
import type { AttackerView } from './attacker-view.js';
import type { DefendedView } from './defended-view.js';

/**
 * An ensemble for an attacker who knows all of it. Votes have no gradient; what is attacked in their place answers with
 * log-probabilities. With `vote: mean` they are those of the ensemble itself: the logarithm of the mean probability
 * (Liu et al. 2017, arXiv:1611.02770, section 3). With `majority` and `random` they are the mean of the members'
 * log-probabilities: its cross-entropy is the mean of the members', for `random` therefore the expected loss over the
 * member that is asked, without the noise of drawing one (EOT in closed form). Every member is asked in every pass, each
 * behind its own defense (BPDA and EOT as for a defense by itself).
 */
export class EnsembleView implements AttackerView {
  readonly inputSize;
  readonly classes: number;
  readonly labelOffset = 0;
  readonly capturable = false;

  /** @param members all of the same image size, and of the same classes but for a background class */
  constructor(
    private readonly vote: Vote,
    private readonly members: readonly DefendedView[],
  ) {
    const [first] = members as [DefendedView];
    this.inputSize = first.inputSize;
    this.classes = first.classes - first.labelOffset;
  }

  begin(ids: readonly string[]): void {
    for (const member of this.members) member.begin(ids);
  }

  readonly onRows = (rows: ArrayLike<number>): void => {
    for (const member of this.members) member.onRows(rows);
  };

  readonly costOf = (cost: Cost): Cost => {
    const costs = this.members.map((member) => member.costOf(cost));
    return {
      forwards: costs.reduce((sum, { forwards }) => sum + forwards, 0),
      gradients: costs.reduce((sum, { gradients }) => sum + gradients, 0),
    };
  };

  logits(images: Tensor4D): Tensor2D {
    const said = this.members.map((member) => {
      const all = tf.logSoftmax(member.logits(images));
      // The dataset knows no background class: it is left out.
      return member.labelOffset === 0 ? all : tf.slice(all, [0, member.labelOffset]);
    });
    if (this.vote !== 'mean') return tf.div<Tensor2D>(tf.addN(said), said.length);
    return tf.sub<Tensor2D>(tf.logSumExp(tf.stack(said), 0), Math.log(said.length));
  }

  dispose(): void {
    for (const member of this.members) member.dispose();
  }
}
