import { readWeightsMetadata } from '../weights/read-metadata.js';
import { inspectWeights } from '../weights/read-weights.js';
import { sizeOf } from '../weights/weight-tensor.js';

/** `shield weights inspect FILE`: what stands in a weights file of any form that is read. */
export async function inspectWeightsCommand(flags: { readonly file: string; readonly json?: boolean }): Promise<void> {
  const { form, files, variables } = await inspectWeights(flags.file);
  const sorted = [...variables].sort((a, b) => (a.name < b.name ? -1 : 1));
  // Where weights that were trained here come from.
  const metadata = form === 'safetensors' ? await readWeightsMetadata(files[0]!) : {};
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ form, files, metadata, variables: sorted }, undefined, 2)}\n`);
    return;
  }
  const width = Math.max(0, ...sorted.map(({ name }) => name.length));
  const lines = sorted.map(({ name, shape, dtype }) => `${name.padEnd(width)}  ${dtype}  [${shape.join(', ')}]`);
  const values = sorted.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  lines.push(`${form}: ${sorted.length} variables, ${values.toLocaleString('en')} values, in ${files.join(', ')}`);
  lines.push(...Object.entries(metadata).map(([key, value]) => `  ${key}: ${value}`));
  process.stdout.write(`${lines.join('\n')}\n`);
}
