/** The public face of @shield/core: what plugins are written against, and the API that the command line uses. */
export * from './errors/index.js';
export * from './plugin/index.js';
export { Random } from './random/random.js';
export { AssetCache, type AssetCacheOptions } from './assets/asset-cache.js';
export { cacheDir } from './assets/cache-dir.js';
export * from './backend/index.js';
export * from './tracking/index.js';
export { fetchArtifact } from './pipeline/shared-artifacts.js';
export { fetchRun } from './tracking/shared-runs.js';
export * from './weights/index.js';
export {
  createShield,
  type RunOptions,
  type RunResult,
  type Shield,
  type ShieldOptions,
  type TrackerFactory,
} from './execution/shield.js';
export type { PluginPackage } from './execution/plugin-package.js';
export type { Reporter, StageInfo, StageReporter } from './pipeline/reporter.js';
export type { AttackRow, Prediction, PredictionRow } from './pipeline/rows.js';
export type { Accuracy } from './pipeline/summary/accuracy.js';
export type { AttackSummary, DefenseSummary, Norms, Summary } from './pipeline/summary/summary.js';
export type { Proportion } from './pipeline/summary/statistics.js';
export type {
  BackendChoice,
  Handover,
  PluginUse,
  Preprocess,
  ResolvedSpec,
  Stage,
  Threat,
  TrainSpec,
} from './spec/resolved-spec.js';
export type { EpochMetrics, TrainOptions, TrainProgress } from './training/train.js';
export { createStepper, type Score, type Stepper } from './training/step.js';
export * from './spec/index.js';
export * from './worker/index.js';
export { fullOptionsSchema } from './plugin/common-options.js';
export * from './images/index.js';
export { loadSharp } from './images/decode.js';
export { compiledKernel, type KernelMemory } from './webassembly/compiled-kernel.js';
export { parseCsv } from './files/csv.js';
export * from './records/index.js';
export * from './archives/index.js';
export { fileStamp } from './files/file-stamp.js';
export { builtFile } from './files/built-file.js';
export { makeFolder } from './files/make-folder.js';
export { writeAtomically } from './files/write-atomically.js';
export { httpDownload, type HttpDownloadOptions } from './assets/http-download.js';
