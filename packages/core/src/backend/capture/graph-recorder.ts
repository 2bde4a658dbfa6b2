import type * as TF from '@tensorflow/tfjs-core';
import { asBiasAdd } from './bias-add.js';
import { reasonOf } from '../../errors/index.js';
import { StandIns } from './stand-ins.js';
import type { NativeBinding, NativeKernelBackend, OpAttribute, TensorMetadata } from '../native/kernel-backend.js';

/** An op or a constant as it went through the addon; `inputs` are ids of values. */
export type RecordedNode =
  | {
      readonly kind: 'op';
      readonly name: string;
      readonly attributes: readonly OpAttribute[];
      readonly inputs: readonly number[];
      readonly outputs: readonly number[];
    }
  | { readonly kind: 'const'; readonly value: RecordedTensor; readonly output: number };

export interface RecordedTensor {
  readonly shape: readonly number[];
  readonly dtype: number;
  readonly bytes: Uint8Array;
}

export interface RecordedGraph {
  /** In an order in which every input comes before its use; only what the outputs need. */
  readonly nodes: readonly RecordedNode[];
  /** Value ids of the function's inputs and outputs. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly inputTensors: readonly { readonly shape: readonly number[]; readonly dtype: number }[];
  readonly outputTensors: readonly { readonly shape: readonly number[]; readonly dtype: number }[];
}

/** The function cannot be written as a graph (it reads values back, draws random numbers, …): it runs eagerly. */
export class NotCapturable extends Error {}

/** Ops whose result is not a function of their inputs. */
const IMPURE = /^(Random|Multinomial|TruncatedNormal|ParameterizedTruncatedNormal|Write|Read|Assign|Print|Assert)/;

/**
 * Runs `fn` once and notes every op that passes through the addon on the way to its outputs. Tensors that existed before
 * (weights) and those made of JavaScript values become constants. What depends on the inputs is not kept: see
 * {@link StandIns}.
 *
 * @param state variables that are inputs too, after the examples; what `fn` leaves in them are outputs, after its own.
 *   They have no values afterwards: the caller assigns them anew
 */
export function recordGraph(
  tf: typeof TF,
  backend: NativeKernelBackend,
  fn: (...inputs: TF.Tensor[]) => TF.Tensor[],
  examples: readonly TF.Tensor[],
  state: readonly TF.Variable[] = [],
): RecordedGraph {
  const recorder = new Recorder(backend);
  const random = Math.random;
  recorder.attach();
  // tfjs draws its random numbers in JavaScript: in a graph they would stand for good.
  Math.random = () => {
    throw new NotCapturable('it draws random numbers');
  };
  try {
    return inTidy(tf, () => {
      // Identities give the inputs ids of their own: an example may be a tensor that the function also closes over.
      const inputs = examples.map((example) => recorder.input(tf.clone(example)));
      const values = state.map((variable) => {
        const input = recorder.input(tf.clone(variable as TF.Tensor));
        variable.assign(input.tensor);
        return input;
      });
      const outputs = [...fn(...inputs.map(({ tensor }) => tensor)), ...(state as readonly TF.Tensor[])];
      const given = [...inputs, ...values];
      const ids = outputs.map((output) => backend.getInputTensorIds([output])[0]!);
      return {
        ...recorder.finish(
          given.map(({ id }) => id),
          ids,
        ),
        inputTensors: given.map(({ id }) => recorder.meta(id)),
        outputTensors: ids.map((id, i) => ({ shape: outputs[i]!.shape, dtype: recorder.meta(id).dtype })),
      };
    });
  } finally {
    Math.random = random;
    recorder.detach();
  }
}

/** tf.tidy for what is not a tensor. */
function inTidy<T>(tf: typeof TF, fn: () => T): T {
  let result: T | undefined;
  tf.tidy(() => {
    result = fn();
  });
  return result as T;
}

class Recorder {
  readonly #binding: NativeBinding;
  /** Set where another recording is going on around this one. */
  readonly #outerIds: NativeKernelBackend['getInputTensorIds'] | undefined;
  readonly #producer = new Map<number, RecordedNode>();
  readonly #known = new Map<number, { shape: readonly number[]; dtype: number }>();
  readonly #inputs = new Set<number>();
  /** Values that depend on the inputs. */
  readonly #varying = new Set<number>();
  /** Constants from outside are read at once: an op may be the last to use them. */
  readonly #outside = new Map<number, RecordedNode>();
  readonly #standIns: StandIns;

  constructor(private readonly backend: NativeKernelBackend) {
    this.#binding = backend.binding;
    this.#standIns = new StandIns(backend.binding);
    this.#outerIds = Object.hasOwn(backend, 'getInputTensorIds') ? backend.getInputTensorIds : undefined;
  }

  attach(): void {
    const target = this.#binding;
    const overrides: Partial<NativeBinding> = {
      createTensor: (shape, dtype, values) => this.#createTensor(shape, dtype, values),
      executeOp: (name, attributes, inputs, outputs) => this.#executeOp(name, attributes, inputs, outputs),
      deleteTensor: (id) => {
        if (!this.#standIns.has(id)) target.deleteTensor(id);
      },
      tensorDataSync: (id) => {
        // What the inputs do not change is the same each time: shapes that a graph computes with, say.
        if (this.#varying.has(id)) throw new NotCapturable('it reads the value of a tensor');
        return target.tensorDataSync(id);
      },
      runSavedModel: () => {
        throw new NotCapturable('it runs another graph');
      },
    };
    // The addon's own properties are fixed, so a proxy stands over an empty object, not over the addon.
    this.backend.binding = new Proxy({} as NativeBinding, {
      get: (_, key) => Reflect.get(key in overrides ? overrides : target, key) as unknown,
    });
    const inputTensorIds = this.backend.getInputTensorIds;
    this.backend.getInputTensorIds = (tensors) => {
      const ids = inputTensorIds.call(this.backend, tensors);
      ids.forEach((id, i) => {
        const { shape, dtype } = tensors[i]!;
        if (!this.#known.has(id)) this.#known.set(id, { shape, dtype: this.#dtypeOf(dtype) });
      });
      return ids;
    };
  }

  detach(): void {
    this.backend.binding = this.#binding;
    this.#standIns.dispose();
    if (this.#outerIds) this.backend.getInputTensorIds = this.#outerIds;
    else Reflect.deleteProperty(this.backend, 'getInputTensorIds');
  }

  /** Gives a tensor an id that stands for an input from here on. */
  input(tensor: TF.Tensor): { tensor: TF.Tensor; id: number } {
    const [source] = this.backend.getInputTensorIds([tensor]);
    const { dtype } = this.meta(source!);
    const copy = this.backend.executeSingleOutput(
      'Identity',
      [{ name: 'T', type: this.#binding.TF_ATTR_TYPE, value: dtype }],
      [tensor],
    );
    const [id] = this.backend.getInputTensorIds([copy]);
    this.#producer.delete(id!);
    this.#outside.clear();
    this.#inputs.add(id!);
    this.#varying.add(id!);
    return { tensor: copy, id: id! };
  }

  meta(id: number): { shape: readonly number[]; dtype: number } {
    return this.#known.get(id)!;
  }

  finish(inputs: readonly number[], outputs: readonly number[]): Pick<RecordedGraph, 'nodes' | 'inputs' | 'outputs'> {
    const nodes: RecordedNode[] = [];
    const done = new Set<RecordedNode>();
    const stack = outputs.map((id) => ({ id, expanded: false }));
    for (let top = stack.pop(); top; top = stack.pop()) {
      if (this.#inputs.has(top.id)) continue;
      const node = this.#producer.get(top.id) ?? this.#constant(top.id);
      if (done.has(node)) continue;
      if (top.expanded || node.kind === 'const') {
        done.add(node);
        nodes.push(node);
        continue;
      }
      stack.push({ id: top.id, expanded: true }, ...node.inputs.map((id) => ({ id, expanded: false })));
    }
    return { nodes, inputs, outputs };
  }

  #createTensor(shape: readonly number[], dtype: number, values: ArrayBufferView | readonly unknown[]): number {
    const output = this.#binding.createTensor(shape, dtype, values);
    this.#known.set(output, { shape: [...shape], dtype });
    // A copy: the caller may reuse its array.
    if (ArrayBuffer.isView(values)) {
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
      this.#producer.set(output, { kind: 'const', value: { shape: [...shape], dtype, bytes }, output });
    }
    return output;
  }

  #executeOp(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    count: number,
  ): TensorMetadata[] {
    if (IMPURE.test(name)) throw new NotCapturable(`${name} is not a function of its inputs`);
    for (const id of inputs) if (!this.#producer.has(id) && !this.#inputs.has(id)) this.#constant(id);
    const varies = inputs.some((id) => this.#varying.has(id));
    const outputs = varies
      ? this.#executeVarying(name, attributes, inputs, count)
      : this.#binding.executeOp(name, attributes, inputs, count);
    const op = asBiasAdd({ name, attributes, inputs: [...inputs] }, (id) => this.meta(id).shape, this.#binding);
    const node: RecordedNode = { kind: 'op', ...op, outputs: outputs.map(({ id }) => id) };
    for (const { id, shape, dtype } of outputs) {
      if (varies) this.#varying.add(id);
      this.#producer.set(id, node);
      this.#known.set(id, { shape, dtype });
    }
    return outputs;
  }

  #executeVarying(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    count: number,
  ): TensorMetadata[] {
    const given = inputs.map((id) => this.#standIns.given(id));
    try {
      return this.#binding.executeOp(name, attributes, given, count).map((output) => this.#standIns.replace(output));
    } catch (error) {
      // Zeros are no denominators of whole numbers, say; an error of the function itself comes again op by op.
      throw error instanceof NotCapturable ? error : new NotCapturable(reasonOf(error));
    }
  }

  #constant(id: number): RecordedNode {
    let node = this.#outside.get(id);
    if (node) return node;
    const known = this.#known.get(id);
    if (!known) throw new NotCapturable('a tensor of unknown shape');
    const values = this.#binding.tensorDataSync(id);
    if (!ArrayBuffer.isView(values)) throw new NotCapturable('a tensor of strings');
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    node = { kind: 'const', value: { ...known, bytes }, output: id };
    this.#outside.set(id, node);
    return node;
  }

  #dtypeOf(dtype: TF.DataType): number {
    if (dtype === 'float32') return this.#binding.TF_FLOAT;
    if (dtype === 'int32') return this.#binding.TF_INT32;
    if (dtype === 'bool') return this.#binding.TF_BOOL;
    throw new NotCapturable(`a tensor of type ${dtype}`);
  }
}
