import type * as TF from '@tensorflow/tfjs-core';
import type { CapturedFunction } from '../backend.js';
import type { NativeKernelBackend } from '../native/kernel-backend.js';
import type { Batched } from './batch.js';
import type { GraphNames, GraphWriter } from './graph-def.js';
import { NotCapturable, recordGraph } from './graph-recorder.js';
import { loadGraph } from './load-graph.js';

interface StepGraph {
  readonly id: number;
  readonly names: GraphNames;
  /** Places in `state` of the variables that the step changes; their new values follow the outputs. */
  readonly changed: readonly number[];
}

/**
 * Training steps as TensorFlow graphs: variables are inputs, and their new values outputs. (Variables inside of the
 * graph could not be read or restored through the addon.)
 */
export class StepCapturer {
  constructor(
    private readonly tf: typeof TF,
    private readonly backend: NativeKernelBackend,
    private readonly write: GraphWriter,
  ) {}

  capture<I extends TF.Tensor[], O extends TF.Tensor[]>(
    state: readonly TF.Variable[],
    step: (...inputs: I) => O,
  ): CapturedFunction<I, O> {
    const fn = step as unknown as Batched;
    const graphs = new Map<string, StepGraph>();
    let capturable = true;
    const run = (...inputs: TF.Tensor[]): TF.Tensor[] => {
      if (!capturable) return runStepEagerly(this.tf, fn, inputs);
      const key = inputs.map(({ shape, dtype }) => `${dtype}[${shape.join()}]`).join();
      let graph = graphs.get(key);
      try {
        if (!graph) graphs.set(key, (graph = this.#record(fn, inputs, state)));
      } catch (error) {
        if (!(error instanceof NotCapturable)) throw error;
        capturable = false;
        return runStepEagerly(this.tf, fn, inputs);
      }
      return this.#run(graph, inputs, state);
    };
    const dispose = () => {
      for (const { id } of graphs.values()) this.backend.binding.deleteSavedModel(id);
      graphs.clear();
    };
    return Object.assign(run, { dispose }) as unknown as CapturedFunction<I, O>;
  }

  /** The variables are afterwards as they were: the first step is the graph's too, so that a resumed training agrees. */
  #record(fn: Batched, examples: readonly TF.Tensor[], state: readonly TF.Variable[]): StepGraph {
    const { tf, backend } = this;
    const before = state.map((variable) => tf.clone(variable as TF.Tensor));
    try {
      const recorded = recordGraph(tf, backend, fn, examples, state);
      const own = recorded.outputs.length - state.length;
      const inputOf = (k: number) => recorded.inputs[examples.length + k];
      const changed = [...state.keys()].filter((k) => recorded.outputs[own + k] !== inputOf(k));
      const kept = [...Array(own).keys(), ...changed.map((k) => own + k)];
      const graph = {
        ...recorded,
        outputs: kept.map((k) => recorded.outputs[k]!),
        outputTensors: kept.map((k) => recorded.outputTensors[k]!),
      };
      return { ...loadGraph(this.write, backend.binding, graph), changed };
    } finally {
      state.forEach((variable, k) => variable.assign(before[k]!));
      tf.dispose(before);
    }
  }

  #run(graph: StepGraph, inputs: readonly TF.Tensor[], state: readonly TF.Variable[]): TF.Tensor[] {
    const { backend } = this;
    const ids = backend.getInputTensorIds([...inputs, ...(state as readonly TF.Tensor[])]);
    const results = backend.binding
      .runSavedModel(graph.id, ids, graph.names.inputs, graph.names.outputs)
      .map((metadata) => backend.createOutputTensor(metadata));
    const values = results.splice(results.length - graph.changed.length);
    graph.changed.forEach((k, i) => state[k]!.assign(values[i]!));
    for (const value of values) value.dispose();
    return results;
  }
}

/** Runs a step op by op; the outputs are the caller's own tensors even where it returns an input. */
export function runStepEagerly(tf: typeof TF, step: Batched, inputs: readonly TF.Tensor[]): TF.Tensor[] {
  return tf.tidy(() => step(...inputs).map((output) => tf.clone(output)));
}
