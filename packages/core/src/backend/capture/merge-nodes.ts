import { createHash } from 'node:crypto';
import type { RecordedGraph, RecordedNode } from './graph-recorder.js';

/**
 * The same graph with each value computed once (hash-consing): constants of the same content become one, and so do ops
 * of the same name, attributes and inputs. Recorded functions repeat themselves: every `tf.grad` runs the forward pass
 * again, so several gradients of one function become one forward pass and several backward ones.
 *
 * Every op that is recorded is a function of its inputs; the recorder refuses all others.
 */
export function mergeNodes(graph: RecordedGraph): RecordedGraph {
  /** From a value's id to the id of the first value that is the same. */
  const first = new Map<number, number>();
  const same = (id: number) => first.get(id) ?? id;
  const seen = new Map<string, RecordedNode>();
  const nodes: RecordedNode[] = [];
  for (const node of graph.nodes) {
    const merged = node.kind === 'op' ? { ...node, inputs: node.inputs.map(same) } : node;
    const key = keyOf(merged);
    const before = seen.get(key);
    if (before) {
      const ids = outputsOf(before);
      outputsOf(node).forEach((id, k) => first.set(id, ids[k]!));
    } else {
      seen.set(key, merged);
      nodes.push(merged);
    }
  }
  return { ...graph, nodes, outputs: graph.outputs.map(same) };
}

function outputsOf(node: RecordedNode): readonly number[] {
  return node.kind === 'op' ? node.outputs : [node.output];
}

function keyOf(node: RecordedNode): string {
  if (node.kind === 'op') return JSON.stringify([node.name, node.attributes, node.inputs, node.outputs.length]);
  const { dtype, shape, bytes } = node.value;
  return `${dtype}[${shape.join()}]${createHash('sha256').update(bytes).digest('base64')}`;
}
