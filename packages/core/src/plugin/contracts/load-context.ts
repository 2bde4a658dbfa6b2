import type { Random } from '../../random/random.js';
import type { Assets } from './assets.js';

export interface LoadContext {
  readonly assets: Assets;
  /** Turns a path as written in the spec (relative to the spec's folder, or to the working directory) into an absolute one. */
  resolvePath(path: string): string;
  /** Whether the model is to be trained: it then gives its trainable form, and may come with a new classifier. */
  readonly training?: boolean;
  /** The named stream for initial weights, drawn images and shuffles. */
  random(...name: readonly (string | number)[]): Random;
  readonly signal: AbortSignal;
  /** One line for the console and the journal. */
  log(message: string): void;
  warn(message: string): void;
  /** Says that a file was read, so that provenance lists it with its sha256. */
  opened(path: string, sha256?: string): void;
}
