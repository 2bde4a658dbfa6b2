import type { NativeBinding, OpAttribute } from '../native/kernel-backend.js';

/** An op by its name, attributes and inputs. */
export interface Op {
  readonly name: string;
  readonly attributes: readonly OpAttribute[];
  readonly inputs: readonly number[];
}

/**
 * A sum of channels and one number for each as TensorFlow's BiasAdd, which is the same and which its optimizer fuses with
 * the convolution before it, also where an activation or another sum comes after. Other ops as they are.
 *
 * @param shapeOf of a value
 */
export function asBiasAdd(op: Op, shapeOf: (id: number) => readonly number[], binding: NativeBinding): Op {
  const [x, bias] = op.inputs;
  if (!/^Add(V2)?$/.test(op.name) || x === undefined || bias === undefined) return op;
  const [whole, row] = [shapeOf(x), shapeOf(bias)];
  if (whole.length !== 4 || row.length !== 1 || row[0] !== whole[3]) return op;
  const format = { name: 'data_format', type: binding.TF_ATTR_STRING, value: 'NHWC' };
  return { name: 'BiasAdd', attributes: [...op.attributes, format], inputs: op.inputs };
}
