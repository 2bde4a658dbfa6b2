export { readSafetensors, writeSafetensors, type SafetensorsFile } from './safetensors.js';
export { inspectWeights, readWeights, type ListedWeights, type WeightsFile } from './read-weights.js';
export { assignWeights, saveWeights, weightsOf, type StoredTensors } from './save-weights.js';
export { STORED_TYPES, type StoredType } from './stored-types.js';
export {
  rowMajorStrides,
  sizeOf,
  toFloat32,
  type WeightArray,
  type WeightMap,
  type WeightTensor,
} from './weight-tensor.js';
export {
  openTensorFlowCheckpoint,
  type Arrived,
  type CheckpointVariable,
  type TensorFlowCheckpoint,
} from './tensorflow/checkpoint.js';
