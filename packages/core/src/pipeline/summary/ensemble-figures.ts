import type { PredictionRow } from '../rows.js';
import { proportion, type Proportion } from './statistics.js';

/** What the members of an ensemble say, beside what it says. */
export interface EnsembleFigures {
  readonly members: readonly MemberFigures[];
  /** Share of the votes in which all members name the same class; undefined where one member is asked at a time. */
  readonly unanimous: number | undefined;
}

export interface MemberFigures {
  readonly name: string;
  /** Its own top-1 accuracy, over the images (and draws) that it was asked about. */
  readonly top1: Proportion;
  /** How often it names what the ensemble names; undefined where one member is asked at a time. */
  readonly agreement: number | undefined;
}

/** Counts votes row by row; each image weighs one, however many draws it has. */
export class MemberCounter {
  readonly #asked: Float64Array;
  readonly #right: Float64Array;
  readonly #agrees: Float64Array;
  #votes = 0;
  #unanimous = 0;

  constructor(private readonly names: readonly string[]) {
    this.#asked = new Float64Array(names.length);
    this.#right = new Float64Array(names.length);
    this.#agrees = new Float64Array(names.length);
  }

  add({ draws, label }: PredictionRow): void {
    const weight = 1 / draws.length;
    for (const { top, votes, member } of draws) {
      if (votes) {
        this.#votes += weight;
        if (votes.every((vote) => vote === votes[0])) this.#unanimous += weight;
        votes.forEach((vote, m) => {
          if (vote === top[0]) this.#agrees[m]! += weight;
        });
      }
      const said = votes ?? (member === undefined ? [] : this.names.map((_, m) => (m === member ? top[0] : undefined)));
      said.forEach((vote, m) => {
        if (vote === undefined) return;
        this.#asked[m]! += weight;
        if (vote === label) this.#right[m]! += weight;
      });
    }
  }

  get result(): EnsembleFigures {
    const all = (value: number) => (this.#votes === 0 ? undefined : value / this.#votes);
    return {
      members: this.names.map((name, m) => ({
        name,
        top1: proportion(this.#right[m]!, this.#asked[m]!),
        agreement: all(this.#agrees[m]!),
      })),
      unanimous: all(this.#unanimous),
    };
  }
}
