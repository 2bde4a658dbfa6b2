import { GraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import { ShieldError, reasonOf, sizeOf, type LoadContext, type Model } from '@shield/core';
import { inTidy } from '../in-tidy.js';
import { normalization, type InputValues } from '../input-values.js';
import { refusing } from '../no-gradient.js';
import { graphFault } from './graph-fault.js';
import { gradientFault } from './gradient-fault.js';
import { imageInput, type ImageInput } from './image-input.js';
import type { GraphFiles } from './read-graph-model.js';
import { between, nodeOf, type Topology } from './topology.js';

export interface GraphOptions extends InputValues {
  readonly size: number;
  readonly class_offset: number;
  readonly input: string;
  readonly output: string;
}

/**
 * The network of a graph model. It is tried once: what it cannot run is told before anything else is computed, and where
 * it has no gradient, the op without one is named then and when a gradient is asked for.
 *
 * @throws WEIGHTS_INVALID where the graph cannot be run, or does not give logits
 */
export function graphNetwork(files: GraphFiles, options: GraphOptions, context: LoadContext): Model {
  const { path, topology, sha256 } = files;
  const input = imageInput(topology, options.input, options.size, path);
  const output = logitsOf(topology, options.output, path, (line) => context.log(line));
  const ways = between(topology, input.name, output);
  if (ways.length === 0) throw graphFault(path, `nothing leads from its input "${input.name}" to "${output}"`, 'set input and output'); // prettier-ignore
  if (context.training) throw graphFault(path, 'a graph model cannot be trained', 'train a network that is written here, or outside'); // prettier-ignore
  const normalize = normalization(options);
  const graph = loadGraph(files);
  const execute = (x: tf.Tensor4D, outputs: string[]): tf.Tensor[] => {
    const results = graph.execute({ [input.name]: x }, outputs);
    return Array.isArray(results) ? results : [results];
  };
  const forward = (images: tf.Tensor4D) =>
    inBatches(normalize(images), input.batch, (x) => asLogits(execute(x, [output])[0]!, output, path));
  try {
    const random = context.random('graph_model', 'probe');
    const shape = [input.batch ?? 1, input.height, input.width, 3] as const;
    const probe = tf.tensor4d(
      Float32Array.from({ length: sizeOf(shape) }, () => random.uniform()),
      [...shape],
    );
    try {
      const { classes, fault } = tried(forward, probe, path, () =>
        gradientFault(ways, (x, outputs) => execute(normalize(x), outputs), probe),
      );
      if (fault !== undefined) context.warn(`${path} has no gradient: ${fault}; attacks that need one are refused`);
      const differentiable = fault === undefined ? forward : refusing(forward, path, fault);
      return {
        inputSize: { height: input.height, width: input.width },
        classes,
        labelOffset: options.class_offset,
        weightsDigest: sha256,
        logits: (images) => tf.tidy(() => differentiable(images)),
        dispose: () => graph.dispose(),
      };
    } finally {
      probe.dispose();
    }
  } catch (error) {
    graph.dispose();
    throw error;
  }
}

/** The node that was asked for; else the only output, or what goes into it where that is a softmax. */
function logitsOf(topology: Topology, asked: string, path: string, log: (line: string) => void): string {
  const { nodes, outputs } = topology;
  if (asked !== '') {
    if (!nodes.has(nodeOf(asked))) throw graphFault(path, `its graph has no node "${asked}"`, `set output to one of its nodes, such as ${outputs.join(', ')}`); // prettier-ignore
    return asked;
  }
  if (outputs.length !== 1) throw graphFault(path, `its graph has ${outputs.length} outputs`, `set output to one of: ${outputs.join(', ')}`); // prettier-ignore
  let node = nodes.get(nodeOf(outputs[0]!))!;
  while (node.op === 'Identity' && node.inputs.length > 0) node = nodes.get(node.inputs[0]!)!;
  if (node.op !== 'Softmax' || node.inputs.length === 0) return outputs[0]!;
  log(`${path}: its output is a softmax; the logits are what goes into it, "${node.inputs[0]}"`);
  return node.inputs[0]!;
}

/** A graph made for a fixed number of images is given so many at a time, the last of them as often as it takes. */
function inBatches(
  images: tf.Tensor4D,
  batch: ImageInput['batch'],
  run: (images: tf.Tensor4D) => tf.Tensor2D,
): tf.Tensor2D {
  const [rows, ...rest] = images.shape;
  if (batch === undefined || batch === rows) return run(images);
  const take = (from: number, count: number) => tf.slice(images, [from, 0, 0, 0], [count, ...rest]);
  const parts: tf.Tensor2D[] = [];
  for (let at = 0; at < rows; at += batch) {
    const count = Math.min(batch, rows - at);
    const padding = Array.from({ length: batch - count }, () => take(rows - 1, 1));
    const logits = run(padding.length > 0 ? tf.concat([take(at, count), ...padding], 0) : take(at, count));
    parts.push(count < batch ? tf.slice(logits, [0, 0], [count, logits.shape[1]]) : logits);
  }
  return tf.concat(parts, 0);
}

/** [n, classes], sides of 1 between them left out. */
function asLogits(value: tf.Tensor, output: string, path: string): tf.Tensor2D {
  const { shape, dtype } = value;
  const classes = shape.at(-1);
  if (dtype !== 'float32' || shape.length < 2 || classes === undefined || classes * shape[0]! !== value.size) {
    const reason = `"${output}" is ${dtype} of shape [${shape.join(', ')}], not logits [n, classes]`;
    throw graphFault(path, reason, 'set output to the node that gives the logits');
  }
  return shape.length === 2 ? (value as tf.Tensor2D) : tf.reshape(value, [shape[0]!, classes]);
}

function loadGraph({ artifacts, path }: GraphFiles): GraphModel<tf.io.IOHandlerSync> {
  try {
    // Weights that a graph which cannot be read has already made go with the scope.
    return inTidy(() => {
      const graph = new GraphModel(tf.io.fromMemorySync(artifacts));
      graph.load();
      for (const tensor of Object.values(graph.weights).flat()) tf.keep(tensor);
      return graph;
    });
  } catch (error) {
    throw graphFault(path, `its graph cannot be read: ${reasonOf(error)}`, undefined, error);
  }
}

/** An image, or as many as it takes at once, forward, and back where that goes. */
function tried(
  forward: (images: tf.Tensor4D) => tf.Tensor2D,
  probe: tf.Tensor4D,
  path: string,
  findFault: () => string | undefined,
): { classes: number; fault: string | undefined } {
  return inTidy(() => {
    let logits: tf.Tensor2D;
    try {
      logits = forward(probe);
    } catch (error) {
      throw error instanceof ShieldError ? error : unrunnable(path, error);
    }
    const [rows, classes] = logits.shape;
    const given = probe.shape[0];
    if (rows !== given) throw graphFault(path, `it gives ${rows} rows of logits for ${given} images`);
    return { classes, fault: findFault() };
  });
}

/** The runtime's own messages name ops, and advise what cannot be done here. */
function unrunnable(path: string, error: unknown): ShieldError {
  const reason = reasonOf(error);
  const unknown = /^Unknown op '([^']+)'/.exec(reason)?.[1];
  const dynamic = /contains the node '([^']+)', which has the dynamic op '([^']+)'/.exec(reason);
  if (unknown) return graphFault(path, `the op ${unknown} is not one that TensorFlow.js runs`, 'convert the network without it', error); // prettier-ignore
  if (dynamic) {
    const [, node, op] = dynamic;
    return graphFault(path, `the op ${op} (node "${node}") decides while it runs what comes next`, 'convert the network without it, or set output to a node before it', error); // prettier-ignore
  }
  return graphFault(path, `its graph does not run: ${reason}`, undefined, error);
}
