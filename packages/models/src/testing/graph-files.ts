import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A node as a GraphDef in JSON has it. */
export interface NodeJson {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: Readonly<Record<string, unknown>>;
}

export interface ConstantJson {
  readonly shape: readonly number[];
  readonly values: readonly number[];
  readonly dtype?: 'float32' | 'int32';
}

const T = { T: { type: 'DT_FLOAT' } };

/** A placeholder of images; −1 for what is open. */
export function placeholder(shape: readonly number[], type = 'DT_FLOAT'): NodeJson {
  const dim = shape.map((size) => ({ size: String(size) }));
  return { name: 'images', op: 'Placeholder', attr: { dtype: { type }, shape: { shape: { dim } } } };
}

/** A node of floats. */
export function node(name: string, op: string, input: readonly string[], attr: Record<string, unknown> = {}): NodeJson {
  return { name, op, input, attr: { ...T, ...attr } };
}

/** Writes a graph model by hand, its constants in one shard. @returns the path of model.json */
export async function writeGraphModel(
  folder: string,
  nodes: readonly NodeJson[],
  constants: Readonly<Record<string, ConstantJson>> = {},
  more: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const entries = Object.entries(constants);
  const types = (dtype: string) => ({ dtype: { type: dtype === 'int32' ? 'DT_INT32' : 'DT_FLOAT' } });
  const model = {
    format: 'graph-model',
    modelTopology: {
      node: [...entries.map(([name, { dtype = 'float32' }]) => ({ name, op: 'Const', attr: types(dtype) })), ...nodes],
      versions: { producer: 1205 },
    },
    weightsManifest: [
      {
        paths: ['group1-shard1of1.bin'],
        weights: entries.map(([name, { shape, dtype = 'float32' }]) => ({ name, shape, dtype })),
      },
    ],
    ...more,
  };
  const bytes = entries.map(([, { values, dtype = 'float32' }]) =>
    Buffer.from((dtype === 'int32' ? Int32Array : Float32Array).from(values).buffer),
  );
  await writeFile(join(folder, 'group1-shard1of1.bin'), Buffer.concat(bytes));
  const path = join(folder, 'model.json');
  await writeFile(path, JSON.stringify(model));
  return path;
}
