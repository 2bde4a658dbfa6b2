import { maskedCrc32c } from '../../records/crc32c.js';
import { AlignedMemory } from '../aligned-memory.js';
import type { WeightMap, WeightTensor } from '../weight-tensor.js';
import { sizeOf } from '../weight-tensor.js';
import { assemble, type Piece } from './assemble.js';
import { CheckpointFile, checkpointFault } from './checkpoint-file.js';
import type { Arrived, CheckpointVariable, TensorFlowCheckpoint } from './checkpoint.js';
import { dataType } from './data-types.js';
import { MessageError, readBundleEntry, readBundleHeader, type BundleEntry } from './messages.js';
import { SortedTable } from './sorted-table.js';
import { sliceKey, sliceShape, type TensorSlice } from './tensor-slice.js';

/** TensorFlow itself writes one shard a task; the names have five digits. */
const MOST_SHARDS = 1024;

interface Index {
  readonly path: string;
  readonly entries: ReadonlyMap<string, BundleEntry>;
  readonly shards: readonly CheckpointFile[];
}

/** One stretch of a shard to be read. */
interface Stored {
  readonly name: string;
  readonly slice: TensorSlice;
  readonly entry: BundleEntry;
}

/**
 * Opens a V2 checkpoint (tensorflow/core/util/tensor_bundle): a sorted table, PREFIX.index, that says where in the
 * shards PREFIX.data-00000-of-0000N each variable stands.
 *
 * @throws WEIGHTS_INVALID naming the fault and its byte offset
 */
export async function openV2(prefix: string): Promise<TensorFlowCheckpoint> {
  const path = `${prefix}.index`;
  const shards: CheckpointFile[] = [];
  const close = async () => {
    await Promise.all(shards.map((file) => file.close()));
  };
  const file = await CheckpointFile.open(path);
  try {
    const { count, entries } = await readIndex(await SortedTable.open(file));
    const files = [path];
    for (let i = 0; i < count; i++) {
      const shard = `${prefix}.data-${digits(i)}-of-${digits(count)}`;
      shards.push(await CheckpointFile.open(shard));
      files.push(shard);
    }
    const index = { path, entries, shards };
    // Names begin with a letter or so; a zero byte marks the key of a piece.
    const variables = [...entries]
      .filter(([key]) => !key.startsWith('\0'))
      .map(([name, entry]) => variable(name, entry));
    return { variables, files, read: (wanted, arrived) => read(index, variables, wanted, arrived), close };
  } catch (error) {
    await close();
    throw error;
  } finally {
    await file.close();
  }
}

const digits = (n: number) => String(n).padStart(5, '0');

function variable(name: string, { type, shape }: BundleEntry): CheckpointVariable {
  const { name: dtype, stored } = dataType(type);
  return { name, shape, dtype, loadable: stored !== undefined };
}

async function readIndex(table: SortedTable): Promise<{ count: number; entries: Map<string, BundleEntry> }> {
  const { path } = table.file;
  let count: number | undefined;
  const entries = new Map<string, BundleEntry>();
  for await (const { key, value, offset } of table.entries()) {
    try {
      if (key !== '') {
        const entry = readBundleEntry(value);
        if (!Number.isSafeInteger(sizeOf(entry.shape)))
          throw new MessageError('the shape of a variable is impossible', 0);
        entries.set(key, entry);
        continue;
      }
      const { shards, bigEndian } = readBundleHeader(value);
      if (bigEndian) throw new MessageError('it was written on a big-endian machine', 0);
      if (shards < 1 || shards > MOST_SHARDS) throw new MessageError(`it claims ${shards} shards`, 0);
      count = shards;
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      throw checkpointFault(path, error.message, offset + error.offset, error);
    }
  }
  if (count === undefined) throw checkpointFault(path, 'its header is missing: it is no index of a V2 checkpoint');
  return { count, entries };
}

async function read(
  index: Index,
  variables: readonly CheckpointVariable[],
  wanted: (name: string) => boolean,
  arrived?: Arrived,
): Promise<WeightMap> {
  const { path, entries } = index;
  const asked = variables.filter(({ name }) => wanted(name));
  const stored = asked.flatMap(({ name, dtype, loadable }) => {
    if (!loadable) throw checkpointFault(path, `"${name}" holds ${dtype}, which cannot be read`);
    return stretches(name, index);
  });
  refuseOverlaps(stored, index);
  const held = index.shards.reduce((sum, { size }) => sum + size, 0);
  const lengths = stored.map(({ entry }) => entry.size);
  const memory = new AlignedMemory(lengths, held);
  const tensors = new Map<string, WeightTensor>();
  let at = 0;
  for (const { name } of asked) {
    const pieces: Piece[] = [];
    for (; stored[at]?.name === name; at++) pieces.push(await readStretch(stored[at]!, index, memory));
    try {
      tensors.set(name, assemble(entries.get(name)!.shape, pieces));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw checkpointFault(path, `"${name}": ${error.message}`, undefined, error);
    }
    arrived?.(name, tensors);
  }
  return tensors;
}

/** Where the pieces of a variable stand; a variable that is not partitioned has one. */
function stretches(name: string, { path, entries }: Index): Stored[] {
  const whole = entries.get(name)!;
  if (whole.slices.length === 0) return [{ name, slice: [], entry: whole }];
  return whole.slices.map((slice) => {
    const entry = entries.get(sliceKey(name, slice));
    if (!entry) throw checkpointFault(path, `a piece of "${name}" is missing`);
    if (entry.type !== whole.type || sliceShape(slice, whole.shape)?.join() !== entry.shape.join()) {
      throw checkpointFault(path, `a piece of "${name}" does not fit it`);
    }
    return { name, slice, entry };
  });
}

/** No byte belongs to two variables: so what is read is never more than the files hold. */
function refuseOverlaps(stored: readonly Stored[], { shards, path }: Index): void {
  const ends = new Array<number>(shards.length).fill(0);
  for (const { name, entry } of [...stored].sort((a, b) => a.entry.offset - b.entry.offset)) {
    const { shard, offset, size } = entry;
    if (!shards[shard]) throw checkpointFault(path, `"${name}" is in shard ${shard} of ${shards.length}`);
    if (size === 0) continue;
    if (offset < ends[shard]!) throw checkpointFault(shards[shard].path, `"${name}" overlaps another variable`, offset);
    ends[shard] = offset + size;
  }
}

async function readStretch({ name, slice, entry }: Stored, { shards }: Index, memory: AlignedMemory): Promise<Piece> {
  const file = shards[entry.shard]!;
  const { offset, size, crc } = entry;
  const stored = dataType(entry.type).stored!;
  const expected = sizeOf(entry.shape) * stored.bytes;
  if (size !== expected) {
    throw checkpointFault(file.path, `"${name}" takes ${size} bytes instead of ${expected}`, offset);
  }
  const bytes = await file.read(offset, size, `"${name}"`, memory.take(size));
  if (maskedCrc32c(bytes) !== crc) throw checkpointFault(file.path, `the checksum of "${name}" is wrong`, offset);
  return { slice, data: stored.view(bytes) };
}
