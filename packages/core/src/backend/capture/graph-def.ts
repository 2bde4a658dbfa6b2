import type { Type } from 'protobufjs';
import type { NativeBinding, OpAttribute } from '../native/kernel-backend.js';
import { NotCapturable, type RecordedGraph, type RecordedNode } from './graph-recorder.js';

/** protobuf's limit; a network whose constants come near it runs eagerly. */
const LIMIT_BYTES = 2 ** 31 - 2 ** 20;

/** GraphDef's version since TensorFlow 2.0; ops keep their meaning for producers of that age. */
const PRODUCER = 1205;

/** Turns recorded graphs into bytes; made once, when the backend opens, so that writing itself waits for nothing. */
export type GraphWriter = (graph: RecordedGraph, binding: NativeBinding) => { bytes: Uint8Array; names: GraphNames };

export async function createGraphWriter(): Promise<GraphWriter> {
  const type = await savedModel();
  return (graph, binding) => encodeGraph(type, graph, binding);
}

let savedModelType: Promise<Type> | undefined;

/** The messages of tensorflow/core/protobuf/saved_model.proto and framework/*.proto that a frozen graph needs. */
function savedModel(): Promise<Type> {
  savedModelType ??= import('protobufjs').then(({ default: protobuf }) => {
    const field = (type: string, id: number, rule?: string) => ({ type, id, ...(rule ? { rule } : {}) });
    const root = protobuf.Root.fromJSON({
      nested: {
        SavedModel: { fields: { schemaVersion: field('int64', 1), metaGraphs: field('MetaGraph', 2, 'repeated') } },
        MetaGraph: { fields: { info: field('MetaInfo', 1), graph: field('Graph', 2) } },
        MetaInfo: { fields: { tags: field('string', 4, 'repeated') } },
        Graph: { fields: { node: field('Node', 1, 'repeated'), versions: field('Versions', 4) } },
        Versions: { fields: { producer: field('int32', 1) } },
        Node: {
          fields: {
            name: field('string', 1),
            op: field('string', 2),
            input: field('string', 3, 'repeated'),
            attr: { keyType: 'string', type: 'Attr', id: 5 } as { type: string; id: number },
          },
        },
        // One of these is always set: without the oneof, `false` and 0 would not be written.
        Attr: {
          oneofs: { value: { oneof: ['list', 's', 'i', 'f', 'b', 'type', 'shape', 'tensor'] } },
          fields: {
            list: field('List', 1),
            s: field('bytes', 2),
            i: field('int64', 3),
            f: field('float', 4),
            b: field('bool', 5),
            type: field('int32', 6),
            shape: field('Shape', 7),
            tensor: field('Tensor', 8),
          },
        },
        List: {
          fields: {
            s: field('bytes', 2, 'repeated'),
            i: field('int64', 3, 'repeated'),
            f: field('float', 4, 'repeated'),
            b: field('bool', 5, 'repeated'),
            type: field('int32', 6, 'repeated'),
          },
        },
        Shape: { fields: { dim: field('Dim', 2, 'repeated') } },
        Dim: { fields: { size: field('int64', 1) } },
        Tensor: { fields: { dtype: field('int32', 1), shape: field('Shape', 2), content: field('bytes', 4) } },
      },
    });
    return root.lookupType('SavedModel');
  });
  return savedModelType;
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
  type: Type,
  graph: RecordedGraph,
  binding: NativeBinding,
): { bytes: Uint8Array; names: GraphNames } {
  const size = graph.nodes.reduce((sum, node) => sum + (node.kind === 'const' ? node.value.bytes.length : 0), 0);
  if (size > LIMIT_BYTES)
    throw new NotCapturable(`${Math.round(size / 1e6)} MB of constants are more than a graph may hold`);
  const names = new Map<number, string>();
  const nodes: object[] = graph.inputs.map((id, i) => {
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
  const message = {
    schemaVersion: 1,
    metaGraphs: [{ info: { tags: ['serve'] }, graph: { node: nodes, versions: { producer: PRODUCER } } }],
  };
  return {
    bytes: type.encode(type.fromObject(message)).finish(),
    names: {
      inputs: graph.inputs.map((_, i) => `x${i}:0`).join(','),
      outputs: graph.outputs.map((_, i) => `y${i}:0`).join(','),
    },
  };
}

function encodeNode(node: RecordedNode, name: string, names: Map<number, string>, binding: NativeBinding): object {
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

function shapeOf(shape: readonly number[]): object {
  return { dim: shape.map((size) => ({ size })) };
}
