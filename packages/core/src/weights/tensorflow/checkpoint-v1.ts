import { AlignedMemory } from '../aligned-memory.js';
import type { WeightMap, WeightTensor } from '../weight-tensor.js';
import { sizeOf } from '../weight-tensor.js';
import { assemble, type Piece } from './assemble.js';
import { CheckpointFile, checkpointFault } from './checkpoint-file.js';
import type { Arrived, CheckpointVariable, TensorFlowCheckpoint } from './checkpoint.js';
import { dataType, type DataType } from './data-types.js';
import { MessageError, readSavedTensorSlices, type SliceMeta } from './messages.js';
import { SortedTable, type TableEntry } from './sorted-table.js';
import { sliceKey, sliceShape } from './tensor-slice.js';
import { readTensorValues } from './tensor-values.js';

/** The field of a TensorProto that holds the numbers of a type, and how many bytes we keep for each. */
const VALUE_FIELDS: Readonly<Record<string, readonly [field: number, bytes: number]>> = {
  float32: [5, 4],
  float64: [6, 8],
  int32: [7, 4],
  uint8: [7, 1],
  int16: [7, 2],
  int8: [7, 1],
  uint16: [7, 2],
  int64: [10, 8],
  bool: [11, 1],
  bfloat16: [13, 2],
  float16: [13, 2],
};

/** Of what is read, how much must be wanted to be left in the memory that it is read to. */
const MOSTLY = 0.9;

interface Declared extends CheckpointVariable {
  readonly type: DataType;
  /** Of its pieces, in all shards. */
  readonly keys: string[];
}

/**
 * Opens a V1 checkpoint (tensorflow/core/util/tensor_slice_writer.cc): one sorted table a shard, whose empty key holds
 * the list of variables and every other key a piece of one.
 *
 * @throws WEIGHTS_INVALID naming the fault and its byte offset
 */
export async function openV1(paths: readonly string[]): Promise<TensorFlowCheckpoint> {
  const files: CheckpointFile[] = [];
  const tables: SortedTable[] = [];
  const close = async () => {
    await Promise.all(files.map((file) => file.close()));
  };
  try {
    const variables = new Map<string, Declared>();
    for (const path of paths) {
      const file = await CheckpointFile.open(path);
      files.push(file);
      const table = await SortedTable.open(file);
      tables.push(table);
      for (const meta of await readMeta(table)) declare(meta, variables, path);
    }
    return {
      variables: [...variables.values()],
      files: paths,
      read: (wanted, arrived) => read(tables, variables, wanted, arrived),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function readMeta(table: SortedTable): Promise<SliceMeta[]> {
  const { path } = table.file;
  for await (const entry of table.entries([''])) {
    if (entry.key !== '') break;
    const { meta } = told(entry, path, () => readSavedTensorSlices(entry.value));
    if (meta) return meta;
  }
  throw checkpointFault(path, 'it has no list of variables: it is no V1 checkpoint');
}

/** Shards of one checkpoint list each its own pieces of a variable. */
function declare(meta: SliceMeta, variables: Map<string, Declared>, path: string): void {
  const { name, shape } = meta;
  const type = dataType(meta.type);
  const before = variables.get(name);
  if (before && (before.type.id !== type.id || before.shape.join() !== shape.join())) {
    throw checkpointFault(path, `"${name}" is listed twice, with another shape or type`);
  }
  if (!Number.isSafeInteger(sizeOf(shape)) || meta.slices.some((slice) => !sliceShape(slice, shape))) {
    throw checkpointFault(path, `the shape [${shape.join(', ')}] of "${name}" is impossible`);
  }
  const loadable = Object.hasOwn(VALUE_FIELDS, type.name);
  const keys = meta.slices.map((slice) => sliceKey(name, slice));
  variables.set(name, { name, shape, type, dtype: type.name, loadable, keys: [...(before?.keys ?? []), ...keys] });
}

async function read(
  tables: readonly SortedTable[],
  variables: ReadonlyMap<string, Declared>,
  wanted: (name: string) => boolean,
  arrived?: Arrived,
): Promise<WeightMap> {
  const pieces = new Map<string, Piece[]>();
  const keys: string[] = [];
  const lengths: number[] = [];
  for (const { name, loadable, dtype, shape, type, keys: own } of variables.values()) {
    const size = sizeOf(shape) * (type.stored?.bytes ?? 0);
    if (!wanted(name)) continue;
    lengths.push(size);
    if (!loadable) throw checkpointFault(tables[0]!.file.path, `"${name}" holds ${dtype}, which cannot be read`);
    pieces.set(name, []);
    keys.push(...own);
  }
  keys.sort();
  const blocks = tables.flatMap((table) => table.lengths(keys));
  const toKeep = sum(lengths) > MOSTLY * sum(blocks);
  const held = sum(tables.map(({ file }) => file.size));
  const memory = new AlignedMemory(toKeep ? blocks : lengths, held);
  const tensors = new Map<string, WeightTensor>();
  for (const table of tables) {
    const { path } = table.file;
    for await (const entry of table.entries(keys, toKeep ? memory : undefined)) {
      if (entry.key === '') continue;
      const piece = told(entry, path, () => readPiece(entry, variables, pieces, memory));
      if (!piece) continue;
      const { name } = piece;
      const parts = pieces.get(name)!;
      parts.push(piece);
      const { shape } = variables.get(name)!;
      if (parts.length > 1 || piece.data.length !== sizeOf(shape)) continue;
      tensors.set(name, assemble(shape, parts));
      arrived?.(name, tensors);
    }
  }
  // What came in several pieces, or did not come.
  for (const [name, parts] of pieces) {
    if (parts.length === 1 && tensors.has(name)) continue;
    try {
      tensors.set(name, assemble(variables.get(name)!.shape, parts));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw checkpointFault(tables[0]!.file.path, `"${name}": ${error.message}`, undefined, error);
    }
    pieces.set(name, []);
    arrived?.(name, tensors);
  }
  return tensors;
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);

/** The numbers of an entry, where its variable is wanted. */
function readPiece(
  { key, value, lodging }: TableEntry,
  variables: ReadonlyMap<string, Declared>,
  wanted: ReadonlyMap<string, unknown>,
  memory: AlignedMemory,
): (Piece & { name: string }) | undefined {
  const { data: saved } = readSavedTensorSlices(value);
  if (!saved || sliceKey(saved.name, saved.slice) !== key) {
    throw new MessageError('an entry does not hold what its key says', 0);
  }
  const { name, slice } = saved;
  const declared = variables.get(name);
  if (!declared) throw new MessageError(`"${name}" is not in the list of variables`, saved.offset);
  if (!wanted.has(name)) return undefined;
  const shape = sliceShape(slice, declared.shape);
  if (!shape) throw new MessageError(`a piece of "${name}" does not fit its shape`, saved.offset);
  const [field, bytes] = VALUE_FIELDS[declared.type.name]!;
  try {
    const take = (length: number) => memory.take(length) ?? new Uint8Array(length);
    const numbers = readTensorValues(saved.tensor, field, bytes, sizeOf(shape), take, lodging);
    return { name, slice, data: declared.type.stored!.view(numbers) };
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
    throw new MessageError(`"${name}": ${error.message}`, saved.offset + error.offset);
  }
}

/** What is wrong with a message, told by its place in the file. */
function told<T>(entry: TableEntry, path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
    throw checkpointFault(path, error.message, entry.offset + error.offset, error);
  }
}
