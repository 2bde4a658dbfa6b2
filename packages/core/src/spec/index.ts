export { canonicalHash, canonicalJson } from './canonical.js';
export { specJsonSchema, type JsonSchema } from './json-schema.js';
export { loadPlugins } from './load-plugins.js';
export { loadSpec, type LoadSpecOptions, type LoadedSpec } from './load-spec.js';
export type {
  BackendChoice,
  Handover,
  PluginUse,
  Preprocess,
  ResolvedSpec,
  Stage,
  Threat,
  TrainSpec,
} from './resolved-spec.js';
export type { SpecSource } from './sources.js';
export { resolvedHash, toYaml } from './to-yaml.js';
