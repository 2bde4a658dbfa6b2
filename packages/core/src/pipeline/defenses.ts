import type { Model, DefensePlugin } from '../plugin/index.js';
import type { Vote } from '../spec/resolved-spec.js';
import type { ArtifactKey } from './artifact-store.js';
import type { Chosen } from './context.js';
import type { Predictor } from './predictor.js';

/** Plugins that an image goes through one after another; most defenses are chains of one. */
export interface Chain {
  /** What the spec calls it. */
  readonly name: string;
  readonly steps: readonly Chosen<DefensePlugin>[];
}

/** A network behind a chain (of no steps: behind nothing). */
export interface Member {
  readonly name: string;
  readonly chain: Chain;
  readonly model: Model;
  readonly predictor: Predictor;
  /** What names the model in artifact keys. */
  readonly key: ArtifactKey;
}

/** Members that answer together. */
export interface Ensemble {
  readonly name: string;
  readonly vote: Vote;
  readonly members: readonly Member[];
}

/** What a spec names under `defenses`. */
export type Defense = Chain | Ensemble;

export function isEnsemble(defense: Defense): defense is Ensemble {
  return 'members' in defense;
}

/** Whether it draws random numbers, and is scored over several draws. */
export function isRandom(defense: Defense): boolean {
  if (!isEnsemble(defense)) return defense.steps.some(({ plugin }) => plugin.random);
  return defense.vote === 'random' || defense.members.some(({ chain }) => isRandom(chain));
}

/** Whether floats become bytes on the way through it. */
export function takesBytes(defense: Defense): boolean {
  if (isEnsemble(defense)) return defense.members.some(({ chain }) => takesBytes(chain));
  return defense.steps.some(({ plugin }) => plugin.takes === 'bytes');
}

export type RandomName = readonly (string | number)[];

/** Names the stream of one step of a chain. */
export type StreamOf = (step: Chosen<DefensePlugin>, place: number) => RandomName;

/**
 * Each step draws from a stream of its own: it bears the plugin's name and, from a chain's second step on, its place.
 * A chain of one draws as the plugin by itself does.
 */
export function streams(before: RandomName, after: RandomName): StreamOf {
  return ({ plugin }, place) => [...before, plugin.name, ...after, ...(place > 0 ? [place] : [])];
}

/** What is added to the names of a member's streams: nothing for the first, who draws as the same chain alone does. */
export function memberStream(member: number): RandomName {
  return member > 0 ? ['member', member] : [];
}
