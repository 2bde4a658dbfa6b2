export { attackConformance, type AttackConformanceOptions } from './attack-conformance.js';
export { defenseConformance, type DefenseConformanceOptions } from './defense-conformance.js';
export { executorConformance, type ConformanceSweep, type ExecutorConformanceOptions } from './executor-conformance.js';
export { conformanceSweep } from './conformance-sweep.js';
export type { ConformanceCase, OptionValues, Variation } from './conformance-case.js';
export { drawnPixels, tinyModel, type TinyModelOptions } from './tiny-model.js';
export { projectRoot, sharedPath } from './shared-data.js';
export { tarBytes, type TarEntry } from './tar-bytes.js';
export { nativeForTests } from './native-for-tests.js';
