import { ShieldError } from '../../errors/index.js';
import type { WeightMap, WeightTensor } from '../weight-tensor.js';
import { PickleError, unpickle, type PickleValue } from './pickle-machine.js';
import { TorchReader, stateDict } from './torch-tensors.js';

/*
 * What torch.save wrote before PyTorch 1.6 (torch/serialization.py, _legacy_save): five pickles one after another
 * (magic number, protocol version, system info, the object, the keys of the storages), then every storage in the order
 * of the keys: its count as int64, its numbers.
 */

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/** Whether these bytes begin as a legacy torch file does. */
export function isLegacyTorch(file: Uint8Array): boolean {
  const beginning = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
  return beginning.every((byte, i) => file[i] === byte);
}

/**
 * Reads the tensors of a state dictionary. Nothing in the file is executed: only the names that a state dictionary
 * needs are known, all else is refused. The tensors are views into `file` where alignment allows it.
 *
 * @param path for the message of an error
 * @throws WEIGHTS_INVALID naming the fault and its byte offset
 */
export function readLegacyTorch(file: Uint8Array<ArrayBuffer>, path: string): WeightMap {
  try {
    return read(file);
  } catch (error) {
    if (!(error instanceof PickleError)) throw error;
    const where = error.offset === undefined ? '' : ` at byte ${error.offset}`;
    const expected = 'give the whole file of a state dictionary that torch.save wrote; if downloaded, fetch it again';
    throw new ShieldError('WEIGHTS_INVALID', { path, reason: `${error.message}${where}`, expected }, { cause: error });
  }
}

function read(file: Uint8Array<ArrayBuffer>): WeightMap {
  const reader = new TorchReader();
  let at = 0;
  const next = (): PickleValue => {
    const { value, end } = unpickle(file, at, reader);
    at = end;
    return value;
  };
  if (next() !== MAGIC) throw new PickleError('the magic number of torch is not there', 0);
  const protocol = next();
  if (protocol !== PROTOCOL) throw new PickleError(`its protocol is not ${PROTOCOL}`, 15);
  const system = next();
  if (!(system instanceof Map) || system.get('little_endian') !== true) {
    throw new PickleError('it was not written on a little-endian machine', at);
  }
  const tensors = stateDict(next());
  const keys = next();
  if (!Array.isArray(keys)) throw new PickleError('the list of storages is missing', at);

  const values = new Map<string, WeightTensor['data']>();
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  for (const key of keys) {
    const storage = typeof key === 'string' ? reader.storages.get(key) : undefined;
    if (!storage || values.has(storage.key))
      throw new PickleError(`a storage that no tensor uses, or one that comes twice`, at);
    if (file.length - at < 8) throw new PickleError('the file ends before its last storage', at);
    const count = view.getBigInt64(at, true);
    if (count !== BigInt(storage.count)) {
      throw new PickleError(`the storage ${storage.key} has ${count} values, not ${storage.count}`, at);
    }
    const bytes = storage.count * storage.type.bytes;
    if (bytes > file.length - at - 8) throw new PickleError(`the file ends within the storage ${storage.key}`, at);
    values.set(storage.key, storage.type.view(file.subarray(at + 8, at + 8 + bytes)));
    at += 8 + bytes;
  }
  const weights = new Map<string, WeightTensor>();
  for (const [name, tensor] of tensors) {
    const data = values.get(tensor.storage.key);
    if (!data) throw new PickleError(`the storage of "${name}" is missing`, at);
    weights.set(name, tensor.view(data));
  }
  return weights;
}
