import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import type * as TF from '@tensorflow/tfjs-core';
import type { Backend, CapturedFunction } from './backend.js';
import { runEagerly, type Batched } from './capture/batch.js';
import { runStepEagerly } from './capture/step.js';
import { loadTfjs } from './tfjs.js';

/** WebAssembly with SIMD. tfjs has no threads for it under Node (tensorflow/tfjs issue 3830), so it runs on one. */
export async function openWasm(): Promise<Backend> {
  const [tf, wasm, { registerGradients }] = await Promise.all([
    loadTfjs(),
    import('@tensorflow/tfjs-backend-wasm'),
    import('./gradients/register-gradients.js'),
  ]);
  const packageJson = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json');
  if (!tf.findBackend('wasm')) wasm.setWasmPaths(join(dirname(packageJson), 'dist') + sep);
  await tf.setBackend('wasm');
  registerGradients(tf, 'wasm');
  return eager(tf, 'wasm', `wasm (tfjs-backend-wasm ${wasm.version_wasm}, SIMD)`);
}

/** Plain JavaScript: slow, and right everywhere. */
export async function openCpu(): Promise<Backend> {
  const [tf, cpu, { registerGradients }] = await Promise.all([
    loadTfjs(),
    import('@tensorflow/tfjs-backend-cpu'),
    import('./gradients/register-gradients.js'),
  ]);
  // Its first use prints an advertisement for tfjs-node.
  Object.assign(tf.findBackend('cpu'), { firstUse: false });
  await tf.setBackend('cpu');
  registerGradients(tf, 'cpu');
  return eager(tf, 'cpu', `cpu (tfjs-backend-cpu ${cpu.version_cpu}, plain JavaScript)`);
}

/** A backend that runs op by op: `capture` keeps the contract of outputs and batches, and no more. */
function eager(tf: typeof TF, name: 'wasm' | 'cpu', description: string): Backend {
  return {
    name,
    description,
    threads: 1,
    gpu: undefined,
    captures: false,
    capture<I extends TF.Tensor[], O extends TF.Tensor[]>(fn: (...inputs: I) => O): CapturedFunction<I, O> {
      const run = (...inputs: I) => runEagerly(tf, fn as unknown as Batched, inputs) as O;
      return Object.assign(run, { dispose: () => undefined });
    },
    captureStep<I extends TF.Tensor[], O extends TF.Tensor[]>(_: unknown, step: (...inputs: I) => O) {
      const run = (...inputs: I) => runStepEagerly(tf, step as unknown as Batched, inputs) as O;
      return Object.assign(run, { dispose: () => undefined });
    },
  };
}
