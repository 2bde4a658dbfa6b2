import type { Backend } from '../backend/backend.js';
import type { AttackPlugin, Dataset, Model } from '../plugin/index.js';
import type { Preprocess, ResolvedSpec } from '../spec/resolved-spec.js';
import type { RunEvent } from '../tracking/events.js';
import type { ArtifactKey, ArtifactStore } from './artifact-store.js';
import type { Defense } from './defenses.js';
import type { Predictor } from './predictor.js';
import type { Reporter } from './reporter.js';
import type { Shard } from './shard.js';
import type { TargetTable } from './targets.js';

/** A plugin that the spec names, with its options. */
export interface Chosen<P> {
  /** What the spec calls it. */
  readonly name: string;
  readonly plugin: P;
  readonly options: Readonly<Record<string, unknown>>;
}

/** An attack as it is carried out. */
export interface PlannedAttack extends Chosen<AttackPlugin> {
  /** The attack of the spec that it is. */
  readonly of: string;
  /** The defense that it knows and goes through, in an adaptive threat; its `name` then tells both. */
  readonly against?: Defense;
}

/** Everything that the stages of one run work with. */
export interface PipelineContext {
  readonly spec: ResolvedSpec;
  readonly specPath: string;
  readonly dataset: Dataset;
  readonly preprocess: Preprocess;
  readonly onCorrupt: 'fail' | 'skip';
  readonly model: Model;
  /** The model that images are made on, in a black-box threat, and what names it in keys. */
  readonly source?: { readonly name: string; readonly model: Model; readonly key: ArtifactKey };
  readonly backend: Backend;
  readonly predictor: Predictor;
  readonly attacks: readonly Chosen<AttackPlugin>[];
  readonly defenses: readonly Defense[];
  /** The targets that attacks take from a csv, by the attack's name. */
  readonly targets: ReadonlyMap<string, TargetTable>;
  readonly store: ArtifactStore;
  /** What every artifact of this run rests on: dataset, model, backend, batch, code. */
  readonly baseKey: ArtifactKey;
  readonly reporter: Reporter;
  /** The batches that this process computes. */
  readonly shard: Shard;
  readonly signal: AbortSignal;
  emit(event: RunEvent): Promise<void> | void;
}
