/** What the pipeline knows of each image: one row an image in every artifact, in the dataset's order. */

/** The classes a network named, in the dataset's numbering (−1 is a background class the dataset does not have). */
export interface Prediction {
  /** The most likely classes, best first, as many as the largest k of `evaluate.top`. */
  readonly top: readonly number[];
  /** Softmax probability of the first. */
  readonly p: number;
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

export interface AttackRow {
  readonly id: string;
  readonly label: number;
  /** false: the model was wrong already, and the attack left the image alone. */
  readonly attacked: boolean;
  /** Whether the image as the attack left it (float, in [0, 1]) does to the model what the attack is for. */
  readonly success: boolean;
  /** The class it was to get away from: the label, or what the model said of the clean image. */
  readonly source: number;
  /** The class it was to reach, in a targeted attack. */
  readonly target?: number;
  /** Changed pixels, channels together. */
  readonly l0: number;
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
  /** Why the attack gave this image up (NaN from the model, say). */
  readonly failure?: string;
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
  return goal.target === undefined ? prediction.top[0] !== goal.source : prediction.top[0] === goal.target;
}
