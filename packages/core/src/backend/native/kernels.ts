import type * as TF from '@tensorflow/tfjs-core';
import type { NativeKernelBackend, OpAttribute } from './kernel-backend.js';

/** TensorFlow's own gradient kernels, which tfjs-node leaves out, under the names that `gradients/` looks for. */
export function registerNativeKernels(tf: typeof TF, backend: NativeKernelBackend): void {
  const type: OpAttribute = { name: 'T', type: backend.binding.TF_ATTR_TYPE, value: backend.binding.TF_FLOAT };
  for (const kernelName of ['ReluGrad', 'Relu6Grad']) {
    if (tf.getKernel(kernelName, 'tensorflow')) continue;
    tf.registerKernel({
      kernelName,
      backendName: 'tensorflow',
      kernelFunc: ({ inputs }) =>
        backend.executeSingleOutput(kernelName, [type], [inputs['gradients']!, inputs['features']!]),
    });
  }
}
