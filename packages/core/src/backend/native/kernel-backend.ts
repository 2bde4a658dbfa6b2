import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as TF from '@tensorflow/tfjs-core';
import { PROCESS_ADDON, loadSheltered } from './process-addon.js';
import { loadTfjs } from '../tfjs.js';
import type { NativeInstallation } from './installation.js';

const require = createRequire(import.meta.url);

/** One attribute of an op, as tfjs-node hands it to TensorFlow's C API. */
export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

export interface TensorMetadata {
  readonly id: number;
  readonly dtype: number;
  readonly shape: number[];
}

/** What tfjs-node's addon offers (binding/tfjs_binding.cc). */
export interface NativeBinding {
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_INT64: number;
  readonly TF_BOOL: number;
  readonly TF_UINT8: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_SHAPE: number;
  createTensor(shape: readonly number[], dtype: number, values: ArrayBufferView | readonly unknown[]): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  executeOp(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): TensorMetadata[];
  loadSavedModel(folder: string, tags: string): number;
  runSavedModel(id: number, inputs: readonly number[], inputNames: string, outputNames: string): TensorMetadata[];
  deleteSavedModel(id: number): void;
  getNumOfTensors(): number;
  getNumOfSavedModels(): number;
  isUsingGpuDevice(): boolean;
}

/** tfjs-node's backend; the two methods in which graph capture and custom kernels meet it are typed. */
export interface NativeKernelBackend extends TF.KernelBackend {
  binding: NativeBinding;
  executeSingleOutput(name: string, attributes: readonly OpAttribute[], inputs: readonly TF.TensorInfo[]): TF.Tensor;
  executeMultipleOutputs(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly TF.TensorInfo[],
    outputs: number,
  ): TF.Tensor[];
  getInputTensorIds: (inputs: readonly TF.TensorInfo[]) => number[];
  createOutputTensor(metadata: TensorMetadata): TF.Tensor;
}

/** What a process has: TensorFlow is loaded once, with the threads of the first call. */
export interface RegisteredNative {
  readonly backend: NativeKernelBackend;
  readonly threads: number;
}

let registered: RegisteredNative | undefined;

/**
 * Registers tfjs-node's backend without its own index.js, which looks for the addon inside the npm package: ours stands
 * in the cache. tfjs-node's CommonJS code and `import('@tensorflow/tfjs-core')` share one instance of tfjs-core, as both
 * resolve to the same file.
 *
 * @throws Error where the addon cannot be loaded
 */
export async function registerNative(installation: NativeInstallation, threads: number): Promise<RegisteredNative> {
  if (registered) return registered;
  const tf = await loadTfjs();
  prepareEnvironment(threads);
  restoreUtil();
  const addon = join(installation.folder, PROCESS_ADDON);
  const binding = loadSheltered(addon, () => require(installation.addon) as NativeBinding);
  require('@tensorflow/tfjs-node-gpu/dist/register_all_kernels');
  const { NodeJSKernelBackend } = require('@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend') as {
    NodeJSKernelBackend: new (binding: NativeBinding, packageName: string) => NativeKernelBackend;
  };
  const backend = new NodeJSKernelBackend(binding, '@tensorflow/tfjs-node-gpu');
  tf.registerBackend('tensorflow', () => backend, 3);
  return (registered = { backend, threads });
}

/** Settings that TensorFlow reads when its library is loaded: they come too late afterwards. */
function prepareEnvironment(threads: number): void {
  const { env } = process;
  env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  // TensorFlow leaves oneDNN's kernels out on processors without AVX512-VNNI or AMX, where they are faster as well.
  env['TF_ENABLE_ONEDNN_OPTS'] ??= '1';
  env['TF_NUM_INTRAOP_THREADS'] = String(threads);
  // Ops of one graph that do not depend on one another: more than one thread costs more than it gives here.
  env['TF_NUM_INTEROP_THREADS'] = '1';
  env['OMP_NUM_THREADS'] = String(threads);
}

/** Whether TensorFlow was let to use oneDNN's kernels: sums come out in another order without them. */
export function withOneDnn(): boolean {
  return !/^(0|false)$/i.test(process.env['TF_ENABLE_ONEDNN_OPTS'] ?? '');
}

/** tfjs-node 4.22 calls two functions of node:util that Node 22 deprecates and Node 23 no longer has. */
function restoreUtil(): void {
  const util = require('node:util') as Record<string, unknown>;
  util['isNullOrUndefined'] = (value: unknown) => value === null || value === undefined;
  util['isArray'] = Array.isArray;
}
