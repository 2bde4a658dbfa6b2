import type * as TF from '@tensorflow/tfjs-core';
import type { NativeKernelBackend, OpAttribute } from './kernel-backend.js';

/**
 * Kernels of TensorFlow that tfjs-node leaves out or makes less of: the gradients of ReLU and ReLU6 (under the names
 * that `gradients/` looks for); and two that could not stand in a captured graph: a gather that reads its indices back
 * into JavaScript first (TensorFlow checks them itself), and an op that leaves out an attribute which only eager
 * execution can guess.
 */
export function registerNativeKernels(tf: typeof TF, backend: NativeKernelBackend): void {
  const { binding } = backend;
  const type = (name: string, tensor: TF.TensorInfo): OpAttribute => {
    const dtypes: Partial<Record<TF.DataType, number>> = { int32: binding.TF_INT32, bool: binding.TF_BOOL };
    return { name, type: binding.TF_ATTR_TYPE, value: dtypes[tensor.dtype] ?? binding.TF_FLOAT };
  };
  const register = (kernelName: string, kernelFunc: TF.KernelFunc) => {
    if (tf.getKernel(kernelName, 'tensorflow')) tf.unregisterKernel(kernelName, 'tensorflow');
    tf.registerKernel({ kernelName, backendName: 'tensorflow', kernelFunc });
  };
  for (const kernelName of ['ReluGrad', 'Relu6Grad']) {
    register(kernelName, ({ inputs }) => {
      const { gradients, features } = inputs as Record<string, TF.Tensor>;
      return backend.executeSingleOutput(kernelName, [type('T', gradients!)], [gradients!, features!]);
    });
  }
  register('ExpandDims', ({ inputs, attrs }) => {
    const { input } = inputs as Record<string, TF.Tensor>;
    const at = tf.scalar((attrs as { dim: number }).dim, 'int32');
    const attributes = [type('T', input!), type('Tdim', at)];
    const result = backend.executeSingleOutput('ExpandDims', attributes, [input!, at]);
    at.dispose();
    return result;
  });
  register('GatherV2', ({ inputs, attrs }) => {
    const { x, indices } = inputs as Record<string, TF.Tensor>;
    const { axis, batchDims } = attrs as { axis: number; batchDims: number };
    tf.backend_util.segment_util.collectGatherOpShapeInfo(x!, indices!, axis, batchDims);
    const attributes = [
      { name: 'batch_dims', type: binding.TF_ATTR_INT, value: batchDims },
      type('Tparams', x!),
      type('Tindices', indices!),
      { name: 'Taxis', type: binding.TF_ATTR_TYPE, value: binding.TF_INT32 },
    ];
    const along = tf.scalar(axis, 'int32');
    const result = backend.executeSingleOutput('GatherV2', attributes, [x!, indices!, along]);
    along.dispose();
    return result;
  });
}
