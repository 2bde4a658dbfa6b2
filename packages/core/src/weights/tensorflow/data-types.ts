import { STORED_TYPES, type StoredType } from '../stored-types.js';

/** A `DataType` of tensorflow/core/framework/types.proto. */
export interface DataType {
  readonly id: number;
  readonly name: string;
  /** Undefined for what is no plain number: such a variable is listed and cannot be loaded. */
  readonly stored?: StoredType;
}

const known = (id: number, name: string, stored?: string): [number, DataType] => {
  const type = stored === undefined ? undefined : STORED_TYPES[stored];
  return [id, { id, name, ...(type && { stored: type }) }];
};

const DATA_TYPES = new Map<number, DataType>([
  known(1, 'float32', 'F32'),
  known(2, 'float64', 'F64'),
  known(3, 'int32', 'I32'),
  known(4, 'uint8', 'U8'),
  known(5, 'int16', 'I16'),
  known(6, 'int8', 'I8'),
  known(7, 'string'),
  known(8, 'complex64'),
  known(9, 'int64', 'I64'),
  known(10, 'bool', 'BOOL'),
  known(14, 'bfloat16', 'BF16'),
  known(17, 'uint16', 'U16'),
  known(18, 'complex128'),
  known(19, 'float16', 'F16'),
  known(20, 'resource'),
  known(21, 'variant'),
  known(22, 'uint32', 'U32'),
  known(23, 'uint64'),
]);

export function dataType(id: number): DataType {
  return DATA_TYPES.get(id) ?? { id, name: `type ${id}` };
}
