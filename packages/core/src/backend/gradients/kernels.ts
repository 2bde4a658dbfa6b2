import type * as TF from '@tensorflow/tfjs-core';
import { averagePoolGradient } from './avg-pool.js';
import { conv2dFilterGradient } from './conv2d-filter.js';
import { conv2dInputGradient, isPointwise } from './conv2d-input.js';
import { depthwiseFilterGradient } from './depthwise-filter.js';
import { depthwiseInputGradient } from './depthwise-input.js';
import { maxPoolGradient } from './max-pool.js';
import { segmentSum } from './segment-sum.js';

type Info = TF.backend_util.Conv2DInfo;
type Inputs = Readonly<Record<string, TF.Tensor4D>>;
interface ConvolutionAttributes {
  readonly strides: number | [number, number];
  readonly pad: TF.Conv2DBackpropInputAttrs['pad'];
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  readonly dataFormat?: 'NHWC' | 'NCHW';
  readonly inputShape?: [number, number, number, number];
  readonly filterShape?: [number, number, number, number];
}
interface Composed {
  /** Whether to take this rather than what the backend has. */
  readonly when: (info: Info) => boolean;
  readonly compute: (inputs: Inputs, info: Info) => TF.Tensor;
}

/**
 * Backward kernels made of forward ones, registered for the backend in use where it has none (WebAssembly), or slower
 * ones (TensorFlow: measured over the layers of EfficientNet-Lite0, batch 16, one thread). tfjs's own gradients then
 * find them, those of its fused ops included.
 */
export function registerBackwardKernels(tf: typeof TF, backendName: 'tensorflow' | 'wasm'): void {
  const native = backendName === 'tensorflow';
  const add = (kernelName: string, composed: Composed) => registerComposed(tf, backendName, kernelName, composed);
  add('Conv2DBackpropInput', {
    when: (info) => !native || isPointwise(info),
    compute: ({ dy, filter }, info) => conv2dInputGradient(tf, dy!, filter!, info),
  });
  add('DepthwiseConv2dNativeBackpropInput', {
    when: (info) => !native || (info.strideHeight === 1 && info.strideWidth === 1),
    compute: ({ dy, filter }, info) => depthwiseInputGradient(tf, dy!, filter!, info),
  });
  if (native) return;
  add('Conv2DBackpropFilter', {
    when: () => true,
    compute: ({ x, dy }, info) => conv2dFilterGradient(tf, x!, dy!, info),
  });
  add('DepthwiseConv2dNativeBackpropFilter', {
    when: () => true,
    compute: ({ x, dy }, info) => depthwiseFilterGradient(tf, x!, dy!, info),
  });
  if (tf.getKernel('UnsortedSegmentSum', backendName)) return;
  tf.registerKernel({
    kernelName: 'UnsortedSegmentSum',
    backendName,
    kernelFunc: ({ inputs, attrs }) => {
      const { x, segmentIds } = inputs as Record<string, TF.Tensor>;
      const { numSegments } = attrs as { numSegments: number };
      return tf.tidy(() => segmentSum(tf, x!, segmentIds!, numSegments));
    },
  });
}

/**
 * Gradients of pooling for the backends of tfjs: its own for the average is wrong where the window reaches into padding,
 * that for the maximum on WebAssembly everywhere.
 */
export function registerPoolGradients(tf: typeof TF, backendName: 'wasm' | 'cpu'): void {
  registerPool(tf, backendName, 'AvgPoolGrad', (dy, _, info) => averagePoolGradient(tf, dy, info));
  if (backendName === 'wasm') {
    registerPool(tf, backendName, 'MaxPoolGrad', (dy, input, info) => maxPoolGradient(tf, dy, input, info));
  }
}

function registerPool(
  tf: typeof TF,
  backendName: string,
  kernelName: string,
  gradient: (dy: TF.Tensor4D, input: TF.Tensor4D, info: Info) => TF.Tensor4D,
): void {
  if (tf.getKernel(kernelName, backendName)) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({
    kernelName,
    backendName,
    kernelFunc: ({ inputs, attrs }) => {
      const { dy, input } = inputs as Inputs;
      const { filterSize, strides, pad, dimRoundingMode } = attrs as unknown as TF.AvgPoolAttrs | TF.MaxPoolAttrs;
      const { computePool2DInfo } = tf.backend_util;
      const info = computePool2DInfo(input!.shape, filterSize, strides, 1, pad, dimRoundingMode);
      return tf.tidy(() => gradient(dy!, input!, info));
    },
  });
}

function registerComposed(tf: typeof TF, backendName: string, kernelName: string, { when, compute }: Composed): void {
  const builtIn = tf.getKernel(kernelName, backendName);
  const depthwise = kernelName.startsWith('Depthwise');
  if (builtIn) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({
    kernelName,
    backendName,
    // tfjs prepares some kernels when a backend starts; it has started by now.
    ...(builtIn?.setupFunc ? { setupFunc: builtIn.setupFunc } : {}),
    kernelFunc: (params) => {
      const inputs = params.inputs as Inputs;
      const { strides, pad, dimRoundingMode, dataFormat, inputShape, filterShape } =
        params.attrs as unknown as ConvolutionAttributes;
      const from = inputShape ?? inputs['x']!.shape;
      const kernel = filterShape ?? inputs['filter']!.shape;
      if (dataFormat !== 'NCHW') {
        const info = tf.backend_util.computeConv2DInfo(from, kernel, strides, 1, pad, dimRoundingMode, depthwise);
        if (!builtIn || when(info)) return tf.tidy(() => compute(inputs, info));
      }
      if (builtIn) return builtIn.kernelFunc(params);
      throw new Error(`${kernelName} is there for the data format NHWC only`);
    },
  });
}
