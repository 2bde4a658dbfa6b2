import { describe, expect, test } from 'vitest';
import type { RecordedGraph, RecordedNode } from './graph-recorder.js';
import { mergeNodes } from './merge-nodes.js';

const op = (name: string, inputs: number[], output: number, value: unknown = 1): RecordedNode => ({
  kind: 'op',
  name,
  attributes: [{ name: 'T', type: 1, value }] as never,
  inputs,
  outputs: [output],
});
const constant = (output: number, values: number[], shape = [values.length]): RecordedNode => ({
  kind: 'const',
  value: { shape, dtype: 1, bytes: Uint8Array.from(values) },
  output,
});
const graph = (nodes: RecordedNode[], outputs: number[]): RecordedGraph => ({
  nodes,
  inputs: [0],
  outputs,
  inputTensors: [{ shape: [1], dtype: 1 }],
  outputTensors: outputs.map(() => ({ shape: [1], dtype: 1 })),
});

describe('mergeNodes', () => {
  test('a chain that stands twice stands once, and its uses follow', () => {
    const chain = (from: number) => [
      constant(from, [7]),
      op('Mul', [0, from], from + 1),
      op('Relu', [from + 1], from + 2),
    ];
    const merged = mergeNodes(graph([...chain(10), ...chain(20), op('Add', [12, 22], 30)], [12, 22, 30]));
    expect(merged.nodes).toEqual([...chain(10), op('Add', [12, 12], 30)]);
    expect(merged.outputs).toEqual([12, 12, 30]);
  });

  test('outputs of an op with several keep their places', () => {
    const split = (from: number): RecordedNode => ({ ...op('Unpack', [0], from), outputs: [from, from + 1] }) as never;
    const merged = mergeNodes(graph([split(1), split(3), op('Sub', [3, 4], 5)], [4, 5]));
    expect(merged.nodes).toEqual([split(1), op('Sub', [1, 2], 5)]);
    expect(merged.outputs).toEqual([2, 5]);
  });

  test.each<[string, RecordedNode, RecordedNode]>([
    ['name', op('Add', [0, 0], 1), op('Sub', [0, 0], 2)],
    ['attribute', op('Add', [0, 0], 1, 1), op('Add', [0, 0], 2, 3)],
    ['bytes', constant(1, [1, 2]), constant(2, [2, 1])],
    ['shape', constant(1, [1, 2], [1, 2]), constant(2, [1, 2], [2, 1])],
    ['order of inputs', { ...op('Sub', [0, 9], 1) }, { ...op('Sub', [9, 0], 2) }],
  ])('another %s is another value', (_, a, b) => {
    const nodes = [constant(9, [9]), a, b];
    expect(mergeNodes(graph(nodes, [1, 2])).nodes).toEqual(nodes);
  });
});
