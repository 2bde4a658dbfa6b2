import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { rememberedSha256 } from '../assets/remembered-sha256.js';
import { ShieldError, reasonOf, systemCode } from '../errors/index.js';
import { readSafetensors } from './safetensors.js';
import type { Arrived, TensorFlowCheckpoint } from './tensorflow/checkpoint.js';
import type { WeightMap } from './weight-tensor.js';

export interface WeightsFile {
  readonly tensors: WeightMap;
  /** Of the whole file, in hex; of the sums of all its files, in their order, where a checkpoint has several. */
  readonly sha256: string;
  /** Names of what the file holds beyond what was wanted. */
  readonly ignored: readonly string[];
}

export interface ListedWeights {
  /** tensorflow, torch or safetensors. */
  readonly form: 'tensorflow' | 'torch' | 'safetensors';
  readonly files: readonly string[];
  readonly variables: readonly { readonly name: string; readonly shape: readonly number[]; readonly dtype: string }[];
}

type Parser = (file: Uint8Array<ArrayBuffer>, path: string) => WeightMap;

/**
 * Reads a weights file, whose form (torch.save, old or new, safetensors, a TensorFlow checkpoint) its bytes tell. Of a
 * TensorFlow checkpoint, which may hold more than the weights, only what is wanted takes memory.
 *
 * @param arrived called as each variable of a checkpoint is there, so that work on it goes on beside reading
 * @throws WEIGHTS_INVALID where it is not there, damaged, or of another form
 */
export async function readWeights(
  path: string,
  wanted: (name: string) => boolean = () => true,
  arrived?: Arrived,
): Promise<WeightsFile> {
  const parsed = await sniff(path);
  if (parsed) {
    const file = await readWhole(path);
    const all = parsed.parse(file, path);
    const tensors = new Map([...all].filter(([name]) => wanted(name)));
    const ignored = [...all.keys()].filter((name) => !tensors.has(name));
    return { tensors, ignored, sha256: createHash('sha256').update(file).digest('hex') };
  }
  return withCheckpoint(path, async (checkpoint) => {
    const names = checkpoint.variables.map(({ name }) => name);
    // Where their sum is not known it takes longer than reading them: it is computed meanwhile.
    const sum = sumOf(checkpoint.files);
    sum.catch(() => undefined);
    const tensors = await checkpoint.read(wanted, arrived);
    return { tensors, ignored: names.filter((name) => !wanted(name)), sha256: await sum };
  });
}

/** What a weights file holds, without its values. @throws WEIGHTS_INVALID */
export async function inspectWeights(path: string): Promise<ListedWeights> {
  const parsed = await sniff(path);
  if (parsed) {
    const tensors = parsed.parse(await readWhole(path), path);
    const variables = [...tensors].map(([name, { shape, data }]) => ({ name, shape, dtype: typeName(data) }));
    return { form: parsed.form, files: [path], variables };
  }
  return withCheckpoint(path, (checkpoint) => ({
    form: 'tensorflow' as const,
    files: checkpoint.files,
    variables: checkpoint.variables.map(({ name, shape, dtype }) => ({ name, shape, dtype })),
  }));
}

/** The parser of a file that is read whole; undefined for a TensorFlow checkpoint. */
async function sniff(path: string): Promise<{ form: 'torch' | 'safetensors'; parse: Parser } | undefined> {
  const { isTableFooter } = await import('./tensorflow/sorted-table.js');
  const head = Buffer.alloc(16);
  const end = Buffer.alloc(48);
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      await file.read(head, 0, head.length, 0);
      await file.read(end, 0, end.length, Math.max(0, size - end.length));
    } finally {
      await file.close();
    }
  } catch (error) {
    // A checkpoint goes by the beginning of its files' names; so what is no file may be one.
    if (systemCode(error) === 'ENOENT') return undefined;
    throw unreadable(path, error);
  }
  if (isTableFooter(end) || /\.(?:ckpt|index|meta|data-\d{5}-of-\d{5})$|-\d{5}-of-\d{5}$/.test(path)) return undefined;
  const [{ isLegacyTorch, readLegacyTorch }, { isZip, readTorchZip }] = await Promise.all([
    import('./torch/torch-pickle.js'),
    import('./torch/torch-zip.js'),
  ]);
  if (isLegacyTorch(head)) return { form: 'torch', parse: readLegacyTorch };
  if (isZip(head)) return { form: 'torch', parse: readTorchZip };
  return { form: 'safetensors', parse: (file) => readSafetensors(file, path).tensors };
}

async function readWhole(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readFile(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): ShieldError {
  const expected = 'give the path of a .pth, .pt or .safetensors file, or of a TensorFlow checkpoint';
  return new ShieldError('WEIGHTS_INVALID', { path, reason: reasonOf(error), expected }, { cause: error });
}

async function withCheckpoint<T>(path: string, use: (checkpoint: TensorFlowCheckpoint) => T | Promise<T>): Promise<T> {
  const { openTensorFlowCheckpoint } = await import('./tensorflow/checkpoint.js');
  const checkpoint = await openTensorFlowCheckpoint(path);
  try {
    return await use(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

async function sumOf(files: readonly string[]): Promise<string> {
  const sums: string[] = [];
  for (const file of files) {
    sums.push(
      await rememberedSha256(file).catch((error: unknown) => {
        throw unreadable(file, error);
      }),
    );
  }
  return sums.length === 1 ? sums[0]! : createHash('sha256').update(sums.join()).digest('hex');
}

/** `Float32Array` as float32. */
function typeName(data: ArrayBufferView): string {
  return data.constructor.name.replace(/^Big/, '').replace('Array', '').toLowerCase();
}
