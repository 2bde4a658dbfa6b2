import type { LeftOut } from '../rows.js';
import type { WayBack } from '../threat/way-back.js';
import type { Accuracy } from './accuracy.js';
import type { Proportion } from './statistics.js';

/** What an attack's distances are measured in. */
export type CurveNorm = 'l0' | 'l1' | 'l2' | 'linf';

export interface ImageTrouble {
  readonly id: string;
  readonly reason: string;
}

export interface DefenseSummary {
  readonly accuracy: Accuracy;
  /** Against the attack as it left the attacker, and against its images rounded to 8 bits; null below 5 lost images. */
  readonly recovered: { readonly float: number | null; readonly rounded: number | null };
  readonly seconds: number;
}

export interface AttackSummary {
  /** In an adaptive threat: the attack of the spec that this is, the defense that it was made to go through, and how. */
  readonly against?: { readonly attack: string; readonly defense: string; readonly back?: WayBack };
  /** Images it was let loose on. */
  readonly attacked: number;
  /** How many it left alone, by why. */
  readonly leftOut: Readonly<Record<LeftOut, number>>;
  /** Over the images rightly classified at first (those attacked); of an adaptive attack, behind the defense. */
  readonly success: Proportion;
  readonly successRounded: Proportion;
  /** In a black-box threat: on the model that the images were made on. */
  readonly successOnSource?: Proportion;
  /** With `grid: uint8`: of the images before they were put on the grid. */
  readonly beforeGrid?: { readonly success: Proportion; readonly l2: Norms; readonly linf: Norms };
  readonly float: Accuracy;
  readonly rounded: Accuracy;
  readonly l2: Norms;
  readonly linf: Norms;
  readonly l0: Norms;
  readonly l1: Norms;
  readonly normalizedL2: Norms;
  /** On [−1, 1], over all images, as the paper's tables have it. */
  readonly normalizedL2Original: Norms;
  readonly iterations: number | undefined;
  readonly forwards: number | undefined;
  readonly gradients: number | undefined;
  readonly failures: number;
  /** The first of them. */
  readonly failed: readonly ImageTrouble[];
  /** Of an attack made of several: on how many images each of them succeeded, in the order in which they were met. */
  readonly by: Readonly<Record<string, number>>;
  /** On how many images the attack raised each of its flags. */
  readonly flags: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly defenses: Readonly<Record<string, DefenseSummary>>;
}

/** The mean over all attacked images, and the mean and median over those on which the attack succeeded. */
export interface Norms {
  readonly meanAll: number | undefined;
  readonly meanSuccess: number | undefined;
  readonly medianSuccess: number | undefined;
}

export interface Summary {
  readonly images: number;
  readonly dropped: readonly ImageTrouble[];
  /** Clean images that the model has no answer to; they count as wrong and are not attacked. */
  readonly unusable: readonly ImageTrouble[];
  readonly clean: Accuracy;
  readonly cleanSeconds: number;
  readonly cleanDefended: Readonly<Record<string, Accuracy>>;
  readonly attacks: Readonly<Record<string, AttackSummary>>;
}
