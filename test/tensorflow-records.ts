import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { createSavedModelWriter, shapeOf, type GraphNode } from '../packages/core/src/backend/capture/saved-model.js';

/** What TensorFlow's addon offers, as far as it is used here. */
interface Binding {
  loadSavedModel(folder: string, tags: string): number;
  runSavedModel(
    id: number,
    inputs: readonly number[],
    inputNames: string,
    outputNames: string,
  ): { id: number; shape: number[] }[];
  deleteSavedModel(id: number): void;
  createTensor(shape: readonly number[], dtype: number, values: ArrayBufferView): number;
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  deleteTensor(id: number): void;
  readonly TF_FLOAT: number;
}

export interface ReadByTensorFlow {
  readonly ids: readonly string[];
  readonly labels: readonly number[];
  readonly heights: readonly number[];
  readonly widths: readonly number[];
  /** Of all images, one after the other. */
  readonly pixels: Float32Array;
}

/** Types of TensorFlow (tensorflow/core/framework/types.proto). */
const [FLOAT, INT32, UINT8, STRING, INT64, BOOL] = [1, 3, 4, 7, 9, 10];
const KEYS = ['image/filename', 'image/encoded', 'image/height', 'image/width', 'image/class/label'] as const;
const LONGEST = 64;

/**
 * Has TensorFlow itself read TFRecord files of the original's form: a graph of its TFRecordDataset, ParseExample and
 * DecodeRaw, as the original's reader uses them. The native backend must be open.
 *
 * @param as what the pixels are stored as; images of one size
 * @param compression as TensorFlow names it: '', 'GZIP', 'ZLIB'
 */
export async function readByTensorFlow(
  paths: readonly string[],
  as: 'float32' | 'uint8',
  compression = '',
): Promise<ReadByTensorFlow> {
  const binding = (tf.backend() as unknown as { binding: Binding }).binding;
  const folder = mkdtempSync(join(tmpdir(), 'shield-tf-records-'));
  try {
    const write = await createSavedModelWriter();
    writeFileSync(join(folder, 'saved_model.pb'), write(graph(paths, as, compression)));
    const model = binding.loadSavedModel(folder, 'serve');
    const unused = binding.createTensor([1], binding.TF_FLOAT, new Float32Array(1));
    const outputs = binding.runSavedModel(model, [unused], 'unused:0', 'ids:0,pixels:0,heights:0,widths:0,labels:0');
    const [ids, pixels, ...numbers] = outputs.map(({ id }) => binding.tensorDataSync(id));
    for (const { id } of outputs) binding.deleteTensor(id);
    binding.deleteTensor(unused);
    binding.deleteSavedModel(model);
    const names = Array.from({ length: ids!.length / LONGEST }, (_, i) =>
      Buffer.from(ids!.slice(i * LONGEST, (i + 1) * LONGEST))
        .toString('utf8')
        .replace(/\0+$/, ''),
    );
    const [heights, widths, labels] = numbers.map((each) => [...each]) as [number[], number[], number[]];
    return { ids: names, labels, heights, widths, pixels: Float32Array.from(pixels!) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function graph(paths: readonly string[], as: 'float32' | 'uint8', compression: string): GraphNode[] {
  const strings = (values: readonly string[], shape: readonly number[]) => ({
    dtype: { type: STRING },
    value: { tensor: { dtype: STRING, shape: shapeOf(shape), strings: values.map((value) => Buffer.from(value)) } },
  });
  const scalar = (dtype: number, bytes: Buffer) => ({
    dtype: { type: dtype },
    value: { tensor: { dtype, shape: shapeOf([]), content: bytes } },
  });
  const long = (value: number) => Buffer.from(BigInt64Array.of(BigInt(value)).buffer);
  const constant = (name: string, attr: Readonly<Record<string, object>>) => ({ name, op: 'Const', attr });
  const of = {
    output_types: { list: { type: [STRING] } },
    output_shapes: { list: { shape: [{ unknownRank: true }] } },
  };
  const cast = (name: string, input: string, from: number, to: number) => ({
    name,
    op: 'Cast',
    input: [input],
    attr: { SrcT: { type: from }, DstT: { type: to } },
  });
  const dense = [STRING, STRING, INT64, INT64, INT64];
  const raw = as === 'float32' ? FLOAT : UINT8;
  const decode = { out_type: { type: raw }, little_endian: { b: true } };
  return [
    { name: 'unused', op: 'Placeholder', attr: { dtype: { type: FLOAT }, shape: { shape: shapeOf([1]) } } },
    constant('files', strings(paths, [paths.length])),
    constant('compression', strings([compression], [])),
    constant('buffer', scalar(INT64, long(1 << 18))),
    constant('many', scalar(INT64, long(1 << 20))),
    constant('drop', scalar(BOOL, Buffer.of(0))),
    { name: 'records', op: 'TFRecordDataset', input: ['files', 'compression', 'buffer'] },
    { name: 'batch', op: 'BatchDatasetV2', input: ['records', 'many', 'drop'], attr: of },
    { name: 'all', op: 'DatasetToSingleElement', input: ['batch'], attr: of },
    constant('none', strings([], [0])),
    constant('keys', strings(KEYS, [KEYS.length])),
    constant('no_text', strings([], [0])),
    constant('no_number', { dtype: { type: INT64 }, value: { tensor: { dtype: INT64, shape: shapeOf([0]) } } }),
    {
      name: 'parsed',
      op: 'ParseExampleV2',
      input: [
        'all',
        'none',
        'none',
        'keys',
        'none',
        ...dense.map((type) => (type === STRING ? 'no_text' : 'no_number')),
      ],
      attr: {
        Tdense: { list: { type: dense } },
        num_sparse: { i: 0 },
        sparse_types: { list: {} },
        ragged_value_types: { list: {} },
        ragged_split_types: { list: {} },
        dense_shapes: { list: { shape: dense.map(() => shapeOf([])) } },
      },
    },
    constant('longest', scalar(INT32, Buffer.from(Int32Array.of(LONGEST).buffer))),
    { name: 'padded', op: 'DecodePaddedRaw', input: ['parsed', 'longest'], attr: { out_type: { type: UINT8 }, little_endian: { b: true } } }, // prettier-ignore
    cast('ids', 'padded', UINT8, INT32),
    { name: 'raw', op: 'DecodeRaw', input: ['parsed:1'], attr: decode },
    cast('pixels', 'raw', raw, FLOAT),
    cast('heights', 'parsed:2', INT64, INT32),
    cast('widths', 'parsed:3', INT64, INT32),
    cast('labels', 'parsed:4', INT64, INT32),
  ];
}
