import { ShieldError } from '../../errors/index.js';
import type { WeightMap, WeightTensor } from '../weight-tensor.js';
import { PickleError, unpickle } from './pickle-machine.js';
import { TorchReader, stateDict } from './torch-tensors.js';

/*
 * What torch.save writes since PyTorch 1.6: a zip whose entries are stored as they are, `<root>/data.pkl` and one
 * `<root>/data/<key>` for each storage (torch/serialization.py, _save). Read in place by its central directory
 * (PKWARE APPNOTE 4.3).
 */

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;

export function isZip(file: Uint8Array): boolean {
  return file[0] === 0x50 && file[1] === 0x4b && file[2] === 3 && file[3] === 4;
}

/**
 * Reads the tensors of a state dictionary, as views into `file` where alignment allows it; executes nothing.
 *
 * @param path for the message of an error
 * @throws WEIGHTS_INVALID naming the fault and its byte offset
 */
export function readTorchZip(file: Uint8Array<ArrayBuffer>, path: string): WeightMap {
  try {
    const entries = storedEntries(file);
    const [root, pickle] = findPickle(entries);
    const order = entries.get(`${root}byteorder`);
    if (order && new TextDecoder().decode(order) !== 'little') throw new PickleError('it is not little-endian');
    const reader = new TorchReader();
    const tensors = stateDict(unpickle(pickle, 0, reader).value);
    const values = new Map<string, WeightTensor['data']>();
    for (const [key, { type, count }] of reader.storages) {
      const bytes = entries.get(`${root}data/${key}`);
      if (!bytes) throw new PickleError(`the storage ${key} is missing`);
      if (bytes.length !== count * type.bytes) {
        throw new PickleError(`the storage ${key} has ${bytes.length} bytes, not ${count * type.bytes}`);
      }
      values.set(key, type.view(bytes));
    }
    return new Map([...tensors].map(([name, tensor]) => [name, tensor.view(values.get(tensor.storage.key)!)]));
  } catch (error) {
    if (!(error instanceof PickleError)) throw error;
    const where = error.offset === undefined ? '' : ` at byte ${error.offset}`;
    const expected = 'give the whole file of a state dictionary that torch.save wrote; if downloaded, fetch it again';
    throw new ShieldError('WEIGHTS_INVALID', { path, reason: `${error.message}${where}`, expected }, { cause: error });
  }
}

function findPickle(entries: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): [root: string, Uint8Array<ArrayBuffer>] {
  for (const [name, bytes] of entries) {
    if (name === 'data.pkl' || name.endsWith('/data.pkl')) return [name.slice(0, -'data.pkl'.length), bytes];
  }
  throw new PickleError('it is a zip without data.pkl: not what torch.save writes');
}

/** The bytes of every entry, in place. */
function storedEntries(file: Uint8Array<ArrayBuffer>): Map<string, Uint8Array<ArrayBuffer>> {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const end = findEnd(view);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  const entries = new Map<string, Uint8Array<ArrayBuffer>>();
  for (let i = 0; i < count; i++) {
    if (at + 46 > file.length || view.getUint32(at, true) !== DIRECTORY_ENTRY) {
      throw new PickleError('the directory of the zip is damaged', at);
    }
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const name = new TextDecoder().decode(file.subarray(at + 46, at + 46 + nameLength!));
    if (view.getUint16(at + 10, true) !== 0) throw new PickleError(`the entry ${name} is compressed`, at);
    const size = view.getUint32(at + 24, true);
    const local = view.getUint32(at + 42, true);
    entries.set(name, entryBytes(file, view, local, size, name));
    at += 46 + nameLength! + extraLength! + commentLength!;
  }
  return entries;
}

/** The end record stands last, but for a comment of up to 65,535 bytes. */
function findEnd(view: DataView): number {
  const first = Math.max(0, view.byteLength - 22 - 65_535);
  for (let at = view.byteLength - 22; at >= first; at--) {
    if (view.getUint32(at, true) === END_OF_DIRECTORY) return at;
  }
  throw new PickleError('the end of the zip is missing: the file is cut off', view.byteLength);
}

function entryBytes(
  file: Uint8Array<ArrayBuffer>,
  view: DataView,
  local: number,
  size: number,
  name: string,
): Uint8Array<ArrayBuffer> {
  if (local + 30 > file.length || view.getUint32(local, true) !== LOCAL_HEADER) {
    throw new PickleError(`the entry ${name} is not where the directory says`, local);
  }
  const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  // 0xffffffff, the sign of a file above 4 GB, is refused with the rest.
  if (size > file.length - start) throw new PickleError(`the entry ${name} is cut off`, start);
  return file.subarray(start, start + size);
}
