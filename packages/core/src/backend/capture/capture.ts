import type * as TF from '@tensorflow/tfjs-core';
import type { CapturedFunction, CaptureOptions } from '../backend.js';
import type { NativeKernelBackend } from '../native/kernel-backend.js';
import { batchOf, checkOutputs, runEagerly, takeRows, type Batched } from './batch.js';
import { planBatches, type Piece } from './buckets.js';
import type { GraphNames, GraphWriter } from './graph-def.js';
import { NotCapturable, recordGraph } from './graph-recorder.js';
import { loadGraph } from './load-graph.js';

interface LoadedGraph {
  readonly id: number;
  readonly names: GraphNames;
}

/**
 * Functions over batches as TensorFlow graphs: TensorFlow fuses, plans memory and packs weights once, which eager ops
 * cannot. One graph a batch size of `buckets`; other sizes are cut into and padded up to those. A function that cannot
 * be written as a graph ({@link NotCapturable}) runs eagerly from then on.
 */
export class GraphCapturer {
  readonly #captured = new Set<{ dispose(): void }>();

  constructor(
    private readonly tf: typeof TF,
    private readonly backend: NativeKernelBackend,
    private readonly write: GraphWriter,
  ) {}

  capture<I extends TF.Tensor[], O extends TF.Tensor[]>(
    fn: (...inputs: I) => O,
    options: CaptureOptions = {},
  ): CapturedFunction<I, O> {
    const batched = fn as unknown as Batched;
    const graphs = new Map<string, LoadedGraph>();
    let capturable = true;
    const captured = (...inputs: TF.Tensor[]): TF.Tensor[] => {
      const rows = batchOf(inputs);
      if (!capturable || rows === 0) return runEagerly(this.tf, batched, inputs);
      try {
        return this.#runPieces(batched, graphs, planBatches(rows, options.buckets), inputs);
      } catch (error) {
        if (!(error instanceof NotCapturable)) throw error;
        capturable = false;
        return runEagerly(this.tf, batched, inputs);
      }
    };
    const dispose = () => {
      for (const { id } of graphs.values()) this.backend.binding.deleteSavedModel(id);
      graphs.clear();
    };
    const result = Object.assign(captured, { dispose });
    this.#captured.add(result);
    return result as unknown as CapturedFunction<I, O>;
  }

  /** Frees every graph that was made; functions that are called again make theirs anew. */
  dispose(): void {
    for (const captured of this.#captured) captured.dispose();
  }

  #runPieces(
    fn: Batched,
    graphs: Map<string, LoadedGraph>,
    pieces: readonly Piece[],
    inputs: readonly TF.Tensor[],
  ): TF.Tensor[] {
    const { tf } = this;
    return tf.tidy(() => {
      const parts = pieces.map((piece) => {
        const given = inputs.map((input) => this.#take(input, piece));
        const key = given.map(({ shape, dtype }) => `${dtype}[${shape.join()}]`).join();
        let graph = graphs.get(key);
        if (!graph) graphs.set(key, (graph = this.#load(fn, given)));
        const outputs = this.#run(graph, given);
        return piece.rows === piece.bucket ? outputs : outputs.map((output) => takeRows(tf, output, 0, piece.rows));
      });
      if (parts.length === 1) return parts[0]!;
      const joined = (k: number) => parts.map((part) => part[k]!);
      return parts[0]!.map((_, k) => tf.concat(joined(k), 0));
    });
  }

  /** The piece's rows, padded with its last row up to the bucket. */
  #take(input: TF.Tensor, { start, rows, bucket }: Piece): TF.Tensor {
    const whole = start === 0 && rows === input.shape[0];
    const part = whole ? input : takeRows(this.tf, input, start, rows);
    if (rows === bucket) return part;
    const last = takeRows(this.tf, part, rows - 1, 1);
    return this.tf.concat([part, ...Array.from({ length: bucket - rows }, () => last)], 0);
  }

  #load(fn: Batched, examples: readonly TF.Tensor[]): LoadedGraph {
    const graph = recordGraph(this.tf, this.backend, fn, examples);
    checkOutputs(graph.outputTensors, batchOf(examples));
    return loadGraph(this.write, this.backend.binding, graph);
  }

  #run(graph: LoadedGraph, inputs: readonly TF.Tensor[]): TF.Tensor[] {
    const ids = this.backend.getInputTensorIds(inputs);
    const outputs = this.backend.binding.runSavedModel(graph.id, ids, graph.names.inputs, graph.names.outputs);
    return outputs.map((metadata) => this.backend.createOutputTensor(metadata));
  }
}
