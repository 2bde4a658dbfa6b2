import type * as TF from '@tensorflow/tfjs-core';
import { BATCH_NORM_GRADIENT_KERNEL, BATCH_NORM_KERNEL } from '../batch-norm.js';
import type { NativeKernelBackend, OpAttribute } from './kernel-backend.js';

/** TensorFlow's batch norm in training mode and its gradient, which tfjs has no kernels for. */
export function registerBatchNormKernels(tf: typeof TF, backend: NativeKernelBackend): void {
  const { binding } = backend;
  const attributes = (epsilon: number): OpAttribute[] => [
    { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    { name: 'U', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    { name: 'epsilon', type: binding.TF_ATTR_FLOAT, value: epsilon },
    { name: 'data_format', type: binding.TF_ATTR_STRING, value: 'NHWC' },
    { name: 'is_training', type: binding.TF_ATTR_BOOL, value: true },
  ];
  const register = (kernelName: string, op: string, names: readonly string[], outputs: number) => {
    if (tf.getKernel(kernelName, 'tensorflow')) return;
    tf.registerKernel({
      kernelName,
      backendName: 'tensorflow',
      kernelFunc: ({ inputs, attrs }) => {
        const given = names.map((name) => inputs[name]!);
        return backend.executeMultipleOutputs(op, attributes((attrs as { epsilon: number }).epsilon), given, outputs);
      },
    });
  };
  register(BATCH_NORM_KERNEL, 'FusedBatchNormV3', ['x', 'scale', 'offset', 'none', 'none'], 6);
  register(BATCH_NORM_GRADIENT_KERNEL, 'FusedBatchNormGradV3', ['dy', 'x', 'scale', 'r1', 'r2', 'r3'], 5);
}
