import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as TF from '@tensorflow/tfjs-core';
import type { CapturedFunction, CaptureOptions } from '../backend.js';
import type { NativeKernelBackend } from '../native/kernel-backend.js';
import { planBatches, type Piece } from './buckets.js';
import type { GraphNames, GraphWriter } from './graph-def.js';
import { NotCapturable, recordGraph } from './graph-recorder.js';

interface LoadedGraph {
  readonly id: number;
  readonly names: GraphNames;
}

type Batched = (...inputs: TF.Tensor[]) => TF.Tensor[];

/**
 * Functions over batches as TensorFlow graphs: TensorFlow fuses, plans memory and packs weights once, which eager ops
 * cannot. One graph a batch size of `buckets`; other sizes are cut into and padded up to those.
 */
export class GraphCapturer {
  constructor(
    private readonly tf: typeof TF,
    private readonly backend: NativeKernelBackend,
    private readonly write: GraphWriter,
  ) {}

  capture<I extends TF.Tensor[], O extends TF.Tensor[]>(
    fn: (...inputs: I) => O,
    options: CaptureOptions = {},
  ): CapturedFunction<I, O> {
    const graphs = new Map<string, LoadedGraph>();
    const batched = fn as unknown as Batched;
    let eager = false;
    const runPiece = (piece: Piece, inputs: readonly TF.Tensor[]): TF.Tensor[] => {
      const given = inputs.map((input) => this.#take(input, piece));
      const key = given.map(({ shape, dtype }) => `${dtype}[${shape.join()}]`).join();
      let graph = graphs.get(key);
      if (!graph) graphs.set(key, (graph = this.#load(batched, given)));
      return this.#run(graph, given).map((output) =>
        piece.rows < piece.bucket ? firstRows(this.tf, output, 0, piece.rows) : output,
      );
    };
    const captured = (...inputs: TF.Tensor[]): TF.Tensor[] => {
      if (eager) return this.tf.tidy(() => batched(...inputs));
      const rows = batchOf(inputs);
      const pieces = planBatches(rows, options.buckets);
      try {
        return this.tf.tidy(() => {
          const parts = pieces.map((piece) => runPiece(piece, inputs));
          if (parts.length === 1) return parts[0]!;
          return parts[0]!.map((_, k) =>
            this.tf.concat(
              parts.map((part) => part[k]!),
              0,
            ),
          );
        });
      } catch (error) {
        if (!(error instanceof NotCapturable)) throw error;
        eager = true;
        return this.tf.tidy(() => batched(...inputs));
      }
    };
    const dispose = () => {
      for (const { id } of graphs.values()) this.backend.binding.deleteSavedModel(id);
      graphs.clear();
    };
    return Object.assign(captured, { dispose }) as unknown as CapturedFunction<I, O>;
  }

  /** The piece's rows, padded with its last row up to the bucket. */
  #take(input: TF.Tensor, { start, rows, bucket }: Piece): TF.Tensor {
    const whole = start === 0 && rows === input.shape[0];
    const part = whole ? input : firstRows(this.tf, input, start, rows);
    if (rows === bucket) return part;
    const last = firstRows(this.tf, part, rows - 1, 1);
    return this.tf.concat([part, ...Array.from({ length: bucket - rows }, () => last)], 0);
  }

  #load(fn: Batched, examples: readonly TF.Tensor[]): LoadedGraph {
    const graph = recordGraph(this.tf, this.backend, fn, examples);
    const { binding } = this.backend;
    graph.outputTensors.forEach(({ shape }, k) => {
      if (shape[0] !== examples[0]!.shape[0]) {
        throw new TypeError(
          `output ${k} of a captured function has shape [${shape.join()}]: its first dimension must be the batch`,
        );
      }
    });
    const { bytes, names } = this.write(graph, binding);
    const folder = mkdtempSync(join(tmpdir(), 'shield-graph-'));
    try {
      writeFileSync(join(folder, 'saved_model.pb'), bytes);
      const id = binding.loadSavedModel(folder, 'serve');
      return { id, names };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  #run(graph: LoadedGraph, inputs: readonly TF.Tensor[]): TF.Tensor[] {
    const ids = this.backend.getInputTensorIds(inputs);
    const outputs = this.backend.binding.runSavedModel(graph.id, ids, graph.names.inputs, graph.names.outputs);
    return outputs.map((metadata) => this.backend.createOutputTensor(metadata));
  }
}

/** Rows `start` … `start + rows` of the first dimension. */
function firstRows(tf: typeof TF, tensor: TF.Tensor, start: number, rows: number): TF.Tensor {
  return tf.slice(tensor, [start, ...tensor.shape.slice(1).map(() => 0)], [rows, ...tensor.shape.slice(1)]);
}

function batchOf(inputs: readonly TF.Tensor[]): number {
  const rows = inputs[0]?.shape[0];
  if (rows === undefined || inputs.some(({ shape }) => shape[0] !== rows)) {
    throw new TypeError('the inputs of a captured function must share their first dimension, the batch');
  }
  return rows;
}
