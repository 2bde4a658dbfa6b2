import type { Type } from 'protobufjs';

/** GraphDef's version since TensorFlow 2.0; ops keep their meaning for producers of that age. */
const PRODUCER = 1205;

/** One NodeDef. Attributes are AttrValues by their field: `{ type: 1 }`, `{ list: { type: [1, 7] } }`, … */
export interface GraphNode {
  readonly name: string;
  readonly op: string;
  /** `name` or `name:k` of what each input is. */
  readonly input?: readonly string[];
  readonly attr?: Readonly<Record<string, object>>;
}

/** The bytes of a saved_model.pb that holds these nodes under the tag `serve`, without variables or signatures. */
export type SavedModelWriter = (nodes: readonly GraphNode[]) => Uint8Array;

/** Made once, so that writing itself waits for nothing. */
export async function createSavedModelWriter(): Promise<SavedModelWriter> {
  const type = await savedModel();
  return (nodes) => {
    const metaGraph = { info: { tags: ['serve'] }, graph: { node: nodes, versions: { producer: PRODUCER } } };
    return type.encode(type.fromObject({ schemaVersion: 1, metaGraphs: [metaGraph] })).finish();
  };
}

/** A TensorShapeProto. */
export function shapeOf(shape: readonly number[]): object {
  return { dim: shape.map((size) => ({ size })) };
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
            shape: field('Shape', 7, 'repeated'),
          },
        },
        Shape: { fields: { dim: field('Dim', 2, 'repeated'), unknownRank: field('bool', 3) } },
        Dim: { fields: { size: field('int64', 1) } },
        Tensor: {
          fields: {
            dtype: field('int32', 1),
            shape: field('Shape', 2),
            content: field('bytes', 4),
            strings: field('bytes', 8, 'repeated'),
          },
        },
      },
    });
    return root.lookupType('SavedModel');
  });
  return savedModelType;
}
