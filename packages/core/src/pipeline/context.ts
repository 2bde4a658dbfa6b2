import type { Backend } from '../backend/backend.js';
import type { AttackPlugin, Dataset, DefensePlugin, Model } from '../plugin/index.js';
import type { Preprocess, ResolvedSpec } from '../spec/resolved-spec.js';
import type { RunEvent } from '../tracking/events.js';
import type { ArtifactKey, ArtifactStore } from './artifact-store.js';
import type { Predictor } from './predictor.js';
import type { Reporter } from './reporter.js';

/** A plugin that the spec names, with its options. */
export interface Chosen<P> {
  /** What the spec calls it. */
  readonly name: string;
  readonly plugin: P;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Everything that the stages of one run work with. */
export interface PipelineContext {
  readonly spec: ResolvedSpec;
  readonly specPath: string;
  readonly dataset: Dataset;
  readonly preprocess: Preprocess;
  readonly onCorrupt: 'fail' | 'skip';
  readonly model: Model;
  readonly backend: Backend;
  readonly predictor: Predictor;
  readonly attacks: readonly Chosen<AttackPlugin>[];
  readonly defenses: readonly Chosen<DefensePlugin>[];
  readonly store: ArtifactStore;
  /** What every artifact of this run rests on: dataset, model, backend, batch, code. */
  readonly baseKey: ArtifactKey;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  emit(event: RunEvent): Promise<void> | void;
}
