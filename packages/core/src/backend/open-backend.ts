import { availableParallelism } from 'node:os';
import { ShieldError, reasonOf } from '../errors/index.js';
import type { BackendChoice } from '../spec/resolved-spec.js';
import type { Backend } from './backend.js';
import { loadTfjs } from './tfjs.js';
import { openCpu, openWasm } from './eager-backends.js';
import { hasNvidiaGpu, nvidiaGpu } from './native/cuda.js';
import { findInstallation, type NativeInstallation } from './native/installation.js';

export interface OpenBackendOptions {
  /** Threads of one op; 0, the default, takes every core. TensorFlow reads it once for a process. */
  readonly threads?: number;
  /** One line of progress. */
  readonly log: (message: string) => void;
  readonly warn: (message: string) => void;
  /** Whether the native backend may be prepared if it is not there yet; default true. */
  readonly allowSetup?: boolean;
  /** Ends a download when the run is being stopped. */
  readonly signal?: AbortSignal;
}

/**
 * Opens a tfjs backend and makes it the one in use. `auto` is the native one, prepared on first use, and WebAssembly
 * where that cannot be had, with one line that says what it costs. tfjs and its backends are loaded here, not before.
 *
 * @throws BACKEND_UNAVAILABLE, SETUP_FAILED where a backend that was named cannot be used
 */
export async function openBackend(choice: BackendChoice, options: OpenBackendOptions): Promise<Backend> {
  switch (choice) {
    case 'auto':
      return openBest(options);
    case 'node':
    case 'node-gpu':
      return openNative(choice, options);
    case 'wasm':
      return openWasm();
    case 'cpu':
      return openCpu();
    case 'webgpu':
      throw unavailable(choice, 'this Node has no WebGPU (navigator.gpu)', 'use backend: auto, node, node-gpu or wasm');
  }
}

async function openBest(options: OpenBackendOptions): Promise<Backend> {
  if (await hasNvidiaGpu()) {
    try {
      return await openNative('node-gpu', options);
    } catch (error) {
      options.signal?.throwIfAborted();
      options.warn(`running on the CPU instead of the GPU: ${oneLine(error)}`);
    }
  }
  try {
    return await openNative('node', options);
  } catch (error) {
    options.signal?.throwIfAborted();
    options.warn(
      `running on WebAssembly with one thread, four to seven times slower than the native backend: ${oneLine(error)}`,
    );
    return openWasm();
  }
}

async function openNative(name: 'node' | 'node-gpu', options: OpenBackendOptions): Promise<Backend> {
  const gpu = name === 'node-gpu';
  const threads = options.threads || availableParallelism();
  const installation = await install(gpu, options);
  const [
    tf,
    { registerNative, withOneDnn },
    { registerGradients },
    { registerNativeKernels },
    { registerBatchNormKernels },
    { GraphCapturer },
    { StepCapturer },
    { createGraphWriter },
  ] = await Promise.all([
    loadTfjs(),
    import('./native/kernel-backend.js'),
    import('./gradients/register-gradients.js'),
    import('./native/kernels.js'),
    import('./native/batch-norm-kernels.js'),
    import('./capture/capture.js'),
    import('./capture/step.js'),
    import('./capture/graph-def.js'),
  ]);
  let registered;
  try {
    registered = await registerNative(installation, threads);
  } catch (error) {
    const expected = 'shield setup --force prepares it anew; or set backend: wasm';
    throw unavailable(name, `the addon cannot be loaded (${reasonOf(error)})`, expected, error);
  }
  const { backend, threads: used } = registered;
  if (used !== threads) options.warn(`TensorFlow runs with ${used} threads: it reads that number once for a process`);
  const seesGpu = backend.binding.isUsingGpuDevice();
  if (gpu && !seesGpu)
    throw unavailable(name, 'TensorFlow sees no usable GPU', 'check that the driver supports CUDA 12');
  await tf.setBackend('tensorflow');
  registerNativeKernels(tf, backend);
  registerBatchNormKernels(tf, backend);
  registerGradients(tf, 'tensorflow');
  const writer = await createGraphWriter();
  const capturer = new GraphCapturer(tf, backend, writer);
  const steps = new StepCapturer(tf, backend, writer);
  const { tensorflow, tfjsNode } = installation.manifest;
  return {
    name,
    description: `tensorflow ${tensorflow} (tfjs-node ${tfjsNode}, native${gpu ? ', CUDA' : ''}${withOneDnn() ? '' : ', no oneDNN'})`,
    threads: used,
    gpu: seesGpu ? ((await nvidiaGpu()) ?? 'CUDA') : undefined,
    captures: true,
    capture: (fn, captureOptions) => capturer.capture(fn, captureOptions),
    captureStep: (state, step) => steps.capture(state, step),
  };
}

async function install(
  gpu: boolean,
  { allowSetup = true, log, signal }: OpenBackendOptions,
): Promise<NativeInstallation> {
  const present = findInstallation(gpu);
  if (present) return present;
  if (gpu && !(await hasNvidiaGpu())) {
    throw unavailable('node-gpu', 'nvidia-smi names no GPU on this machine', 'use backend: auto or node');
  }
  if (!allowSetup) throw unavailable(gpu ? 'node-gpu' : 'node', 'it is not prepared', 'run: shield setup');
  const { setupNative } = await import('./native/setup.js');
  return setupNative({ gpu, log, ...(signal ? { signal } : {}) });
}

function oneLine(error: unknown): string {
  return error instanceof ShieldError ? `${error.message}; to mend it: ${error.fix}` : reasonOf(error);
}

function unavailable(name: string, reason: string, expected: string, cause?: unknown): ShieldError {
  return new ShieldError('BACKEND_UNAVAILABLE', { name, reason, expected }, { cause });
}
