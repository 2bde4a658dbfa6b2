import type { NativeBinding, OpAttribute } from '../native/kernel-backend.js';
import { NotCapturable, type RecordedGraph, type RecordedNode } from './graph-recorder.js';
import { createSavedModelWriter, shapeOf, type GraphNode, type SavedModelWriter } from './saved-model.js';

/** protobuf's limit; a network whose constants come near it runs eagerly. */
const LIMIT_BYTES = 2 ** 31 - 2 ** 20;

/** Turns recorded graphs into bytes; made once, when the backend opens, so that writing itself waits for nothing. */
export type GraphWriter = (graph: RecordedGraph, binding: NativeBinding) => { bytes: Uint8Array; names: GraphNames };

export async function createGraphWriter(): Promise<GraphWriter> {
  const write = await createSavedModelWriter();
  return (graph, binding) => encodeGraph(write, graph, binding);
}

/** Names of the graph's inputs and outputs, as `runSavedModel` wants them. */
export interface GraphNames {
  readonly inputs: string;
  readonly outputs: string;
}

/**
 * A recorded graph as the bytes of a saved_model.pb: inputs as placeholders, everything else as constants and ops, each
 * output behind an identity (so that an output may be an input or a constant).
 */
function encodeGraph(
  write: SavedModelWriter,
  graph: RecordedGraph,
  binding: NativeBinding,
): { bytes: Uint8Array; names: GraphNames } {
  const size = graph.nodes.reduce((sum, node) => sum + (node.kind === 'const' ? node.value.bytes.length : 0), 0);
  if (size > LIMIT_BYTES)
    throw new NotCapturable(`${Math.round(size / 1e6)} MB of constants are more than a graph may hold`);
  const names = new Map<number, string>();
  const nodes: GraphNode[] = graph.inputs.map((id, i) => {
    const { shape, dtype } = graph.inputTensors[i]!;
    names.set(id, `x${i}`);
    return { name: `x${i}`, op: 'Placeholder', attr: { dtype: { type: dtype }, shape: { shape: shapeOf(shape) } } };
  });
  graph.nodes.forEach((node, i) => nodes.push(encodeNode(node, `n${i}`, names, binding)));
  graph.outputs.forEach((id, i) =>
    nodes.push({
      name: `y${i}`,
      op: 'Identity',
      input: [names.get(id)!],
      attr: { T: { type: graph.outputTensors[i]!.dtype } },
    }),
  );
  return {
    bytes: write(nodes),
    names: {
      inputs: graph.inputs.map((_, i) => `x${i}:0`).join(','),
      outputs: graph.outputs.map((_, i) => `y${i}:0`).join(','),
    },
  };
}

function encodeNode(node: RecordedNode, name: string, names: Map<number, string>, binding: NativeBinding): GraphNode {
  if (node.kind === 'const') {
    names.set(node.output, name);
    const { dtype, shape, bytes } = node.value;
    return {
      name,
      op: 'Const',
      attr: { dtype: { type: dtype }, value: { tensor: { dtype, shape: shapeOf(shape), content: bytes } } },
    };
  }
  node.outputs.forEach((id, k) => names.set(id, k === 0 ? name : `${name}:${k}`));
  return {
    name,
    op: node.name,
    input: node.inputs.map((id) => names.get(id)!),
    attr: Object.fromEntries(node.attributes.map((attribute) => [attribute.name, encodeAttribute(attribute, binding)])),
  };
}

function encodeAttribute({ name, type, value }: OpAttribute, binding: NativeBinding): object {
  const text = (v: unknown) => Buffer.from(String(v));
  const [key, convert]: [string, (v: unknown) => unknown] =
    type === binding.TF_ATTR_STRING
      ? ['s', text]
      : type === binding.TF_ATTR_INT
        ? ['i', Number]
        : type === binding.TF_ATTR_FLOAT
          ? ['f', Number]
          : type === binding.TF_ATTR_BOOL
            ? ['b', Boolean]
            : type === binding.TF_ATTR_TYPE
              ? ['type', Number]
              : ['', () => undefined];
  if (!key) throw new NotCapturable(`the attribute ${name} is of a kind that is not written`);
  return Array.isArray(value) ? { list: { [key]: value.map(convert) } } : { [key]: convert(value) };
}
