export { attackConformance, type AttackConformanceOptions } from './attack-conformance.js';
export { defenseConformance, type DefenseConformanceOptions } from './defense-conformance.js';
export type { ConformanceCase, OptionValues, Variation } from './conformance-case.js';
export { drawnPixels, tinyModel, type TinyModelOptions } from './tiny-model.js';
export { projectRoot, sharedPath } from './shared-data.js';
