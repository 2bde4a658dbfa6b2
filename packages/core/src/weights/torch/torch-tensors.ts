import { STORED_TYPES, type StoredType } from '../stored-types.js';
import { sizeOf, type WeightArray, type WeightTensor } from '../weight-tensor.js';
import { PickleError, PickleGlobal, PickleObject, type PickleReader, type PickleValue } from './pickle-machine.js';

/** torch's storage classes by the name of their number type in {@link STORED_TYPES}. */
const STORAGE_TYPES: Readonly<Record<string, string>> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

/** Numbers that lie elsewhere in the file, under a key. */
export class TorchStorage extends PickleObject {
  readonly isPickleObject = true;
  constructor(
    readonly key: string,
    readonly type: StoredType,
    readonly count: number,
  ) {
    super();
  }
}

/** A window on a storage. */
export class TorchTensor extends PickleObject {
  readonly isPickleObject = true;
  constructor(
    readonly storage: TorchStorage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {
    super();
  }

  /** @param values those of the storage */
  view(values: WeightArray): WeightTensor {
    return { shape: this.shape, strides: this.strides, data: values.subarray(this.offset) };
  }
}

/** Knows the globals that a state dictionary is made of, and no other. Storages gather in `storages`. */
export class TorchReader implements PickleReader {
  readonly storages = new Map<string, TorchStorage>();

  reduce(callee: PickleGlobal, args: readonly PickleValue[]): PickleValue {
    switch (callee.path) {
      case 'collections.OrderedDict':
        return orderedDict(args);
      case 'torch._utils._rebuild_tensor':
      case 'torch._utils._rebuild_tensor_v2':
        return tensor(args);
      case 'torch._utils._rebuild_parameter':
        return args[0] ?? null;
      default:
        throw new PickleError(`it asks for ${callee.path}, which is not part of a state dictionary`);
    }
  }

  /** ('storage', type, key, device, count, view) */
  persistent(id: PickleValue): PickleValue {
    if (!Array.isArray(id) || id[0] !== 'storage') throw new PickleError('a persistent id that names no storage');
    const [, kind, key, , count, view] = id;
    const name = kind instanceof PickleGlobal && kind.module === 'torch' ? STORAGE_TYPES[kind.name] : undefined;
    const type = name === undefined ? undefined : STORED_TYPES[name];
    if (!type) throw new PickleError('a storage of an unknown type');
    if (typeof key !== 'string' || !isCount(count)) throw new PickleError('a storage without key or size');
    if (view !== null && view !== undefined) throw new PickleError('a storage that is a view of another');
    const known = this.storages.get(key);
    if (known && (known.type !== type || known.count !== count)) {
      throw new PickleError(`the storage ${key} is described in two ways`);
    }
    const storage = known ?? new TorchStorage(key, type, count);
    this.storages.set(key, storage);
    return storage;
  }
}

/** The tensors of an unpickled state dictionary, which may stand under the key `state_dict`. */
export function stateDict(value: PickleValue): ReadonlyMap<string, TorchTensor> {
  const map = value instanceof Map && value.get('state_dict') instanceof Map ? value.get('state_dict') : value;
  if (!(map instanceof Map)) throw new PickleError('it holds no state dictionary');
  const tensors = new Map<string, TorchTensor>();
  for (const [key, item] of map) if (typeof key === 'string' && item instanceof TorchTensor) tensors.set(key, item);
  if (tensors.size === 0) throw new PickleError('its state dictionary holds no tensors');
  return tensors;
}

function orderedDict(args: readonly PickleValue[]): PickleValue {
  const [items = []] = args;
  if (!Array.isArray(items)) throw new PickleError('a dictionary that is none');
  const map = new Map<PickleValue, PickleValue>();
  for (const item of items) {
    if (!Array.isArray(item) || item.length !== 2) throw new PickleError('a dictionary that is none');
    map.set(item[0]!, item[1]!);
  }
  return map;
}

function tensor(args: readonly PickleValue[]): TorchTensor {
  const [storage, offset, shape, strides] = args;
  if (!(storage instanceof TorchStorage) || !isCount(offset)) throw new PickleError('a tensor without a storage');
  if (!isCounts(shape) || !isCounts(strides) || shape.length !== strides.length || shape.length > 8) {
    throw new PickleError('a tensor without a valid shape');
  }
  const size = sizeOf(shape);
  const last = shape.reduce((index, side, i) => index + (side - 1) * strides[i]!, offset);
  // An expanded tensor (stride 0) could claim any size: state dictionaries hold none.
  if (size > storage.count || (size > 0 && last >= storage.count)) {
    throw new PickleError(`a tensor of shape [${shape.join(', ')}] in a storage of ${storage.count}`);
  }
  return new TorchTensor(storage, offset, shape, strides);
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isCounts(value: PickleValue | undefined): value is number[] {
  return Array.isArray(value) && value.every(isCount);
}
