/** What the pipeline knows of each image: one row an image in every artifact, in the dataset's order. */

/** The classes a network named, in the dataset's numbering (−1 is a background class the dataset does not have). */
export interface Prediction {
  /** The most likely classes, best first, as many as the largest k of `evaluate.top`; none where it is `unusable`. */
  readonly top: readonly number[];
  /** Softmax probability of the first; of an ensemble, the mean over the members that were asked. */
  readonly p: number;
  /** What each member of an ensemble named, in their order; not with `vote: random`. */
  readonly votes?: readonly number[];
  /** The member that was asked, from 0, with `vote: random`. */
  readonly member?: number;
  /** Why the network's answer names no class (NaN among its logits): the image counts as wrong, and no attack as a success. */
  readonly unusable?: string;
}

/** One prediction a draw; defenses without randomness have one. */
export interface PredictionRow {
  readonly id: string;
  readonly label: number;
  readonly draws: readonly Prediction[];
  /** Class of the smallest logit, on clean images only: the target of `target: least_likely`. */
  readonly least?: number;
  /** An image that could not be read and was left out, as the spec allows: why. It has no predictions. */
  readonly dropped?: string;
}

export type LeftOut = 'misclassified' | 'target' | 'unusable';

export interface AttackRow {
  readonly id: string;
  readonly label: number;
  /** false: the attack left the image alone. */
  readonly attacked: boolean;
  /** Why it did: the model was wrong already, or names the target already, or has no answer. */
  readonly leftOut?: LeftOut;
  /** Whether the image as the attack left it (float, in [0, 1]) does to the model what the attack is for. */
  readonly success: boolean;
  /** In a black-box threat, the same of the model that the image was made on. */
  readonly successOnSource?: boolean;
  /** The class it was to get away from: the label, or what the model said of the clean image. */
  readonly source: number;
  /** The class it was to reach, in a targeted attack. */
  readonly target?: number;
  /** Changed pixels, channels together. */
  readonly l0: number;
  /** Σ|adv − clean| over all values, in [0, 1] units. */
  readonly l1: number;
  /** ‖adv − clean‖₂ in [0, 1] units. */
  readonly l2: number;
  readonly linf: number;
  /** ‖adv − clean‖₂ / ‖clean‖₂ on [0, 1]. */
  readonly normalizedL2: number;
  /** The same on [−1, 1], as the original measures it. */
  readonly normalizedL2Original: number;
  readonly iterations: number;
  readonly forwards: number;
  readonly gradients: number;
  /** What the attack had made before it was put on the 8-bit grid, with `grid: uint8`. */
  readonly beforeGrid?: {
    readonly success: boolean;
    readonly l0: number;
    readonly l1: number;
    readonly l2: number;
    readonly linf: number;
  };
  /** Why the attack gave this image up (NaN from the model, say). */
  readonly failure?: string;
  /** Which of the attacks that it is made of fooled the model. */
  readonly by?: string;
  /** What the attack found doubtful about this image: names of its `flags`. */
  readonly flags?: readonly string[];
}

/** Whether the label is among the k most likely classes. */
export function hit(prediction: Prediction, label: number, k: number): boolean {
  return prediction.top.slice(0, k).includes(label);
}

/** Share of the draws that name the label among the k most likely classes. */
export function hitShare(row: PredictionRow, k: number): number {
  if (row.draws.length === 0) return 0;
  return row.draws.filter((draw) => hit(draw, row.label, k)).length / row.draws.length;
}

/** Whether a prediction is what an untargeted attack (away from `source`) or a targeted one (to `target`) wants. */
export function fools(prediction: Prediction, goal: { readonly source: number; readonly target?: number }): boolean {
  if (prediction.unusable !== undefined) return false;
  return goal.target === undefined ? prediction.top[0] !== goal.source : prediction.top[0] === goal.target;
}
