import * as tf from '@tensorflow/tfjs-core';
import { reasonOf } from '@shield/core';
import { dropTape } from '../drop-tape.js';
import type { GraphNode } from './topology.js';

/** Ops whose result stands still while their input moves a little: tfjs gives them a gradient of zero. */
const STEPS = new Set(
  (
    'ArgMax ArgMin Ceil Floor FloorDiv FloorMod Rint Round Sign OneHot TopKV2 ' +
    'Equal NotEqual Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr LogicalNot'
  ).split(' '),
);

type Execute = (images: tf.Tensor4D, outputs: string[]) => tf.Tensor[];

/**
 * Why the last of these nodes has no gradient towards the images: the first op, in the graph's order, that has none, or
 * those that make it zero. Undefined where it has one.
 *
 * @param ways the nodes from the input (the first) to the output (the last)
 * @param probe [n, height, width, 3]
 */
export function gradientFault(ways: readonly GraphNode[], execute: Execute, probe: tf.Tensor4D): string | undefined {
  const last = ways.length - 1;
  const whole = gradient(ways.slice(last), execute, probe);
  if (whole.reason === undefined && whole.largest > 0) return undefined;
  if (whole.reason === undefined) {
    const steps = ways.filter(({ op }) => STEPS.has(op)).map(({ name, op }) => `${op} (node "${name}")`);
    const causes = steps.slice(0, 3).join(', ') + (steps.length > 3 ? ` and ${steps.length - 3} more` : '');
    return steps.length > 0 ? `it is zero behind ${causes}` : 'it is zero';
  }
  // What fails at a node fails at all that come after it: the first can be found by halves.
  let [works, fails] = [0, last];
  let reason = whole.reason;
  while (fails - works > 1) {
    const middle = (works + fails) >> 1;
    const seen = gradient(ways.slice(1, middle + 1), execute, probe).reason;
    if (seen === undefined) works = middle;
    else [fails, reason] = [middle, seen];
  }
  const { op, name } = ways[fails]!;
  return `the op ${op} (node "${name}") has none (${reason})`;
}

/** Of the sum of what these nodes give. */
function gradient(
  nodes: readonly GraphNode[],
  execute: Execute,
  probe: tf.Tensor4D,
): { reason: string | undefined; largest: number } {
  let largest = 0;
  try {
    const total = (x: tf.Tensor) =>
      tf.addN(execute(x as tf.Tensor4D, nodes.map(({ name }) => name)).map((value) => weighted(value))); // prettier-ignore
    tf.tidy(() => {
      largest = tf.max(tf.abs(tf.grad(total)(probe))).dataSync()[0]!;
    });
    return { reason: undefined, largest };
  } catch (error) {
    dropTape();
    return { reason: reasonOf(error).split('\n')[0]!, largest };
  }
}

/** A sum with a weight for each value: that of all of a softmax would not change. */
function weighted(value: tf.Tensor): tf.Tensor {
  const weights = Float32Array.from({ length: value.size }, (_, i) => 1 + (i % 7) / 7);
  return tf.sum(tf.mul(tf.cast(value, 'float32'), tf.tensor(weights, value.shape)));
}
