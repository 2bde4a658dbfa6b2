import { existsSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { ImageResult } from '../../pipeline/collect.js';
import { flatten, type Scalar } from '../flatten.js';
import { readPerImage } from '../results.js';
import { verdicts } from '../run-diff.js';
import type { Run } from '../runs-folder.js';

const CHUNK = 1 << 16;

/**
 * Writes per-image.jsonl as the table that MLflow's pages show: `{"columns":[…],"data":[[…],…]}`, as its `log_table`
 * stores it. One row an image; a column for each verdict (share of the draws that name the label, named as metrics are)
 * and for each number of each attack (`attack/NAME/l2`, …). Streamed: memory holds a row at a time.
 *
 * @returns false where the run has no per-image results
 */
export async function writePerImageTable(run: Run, path: string): Promise<boolean> {
  if (!existsSync(run.files.perImage)) return false;
  const columns = new Set<string>();
  // Dropped images have fewer columns than others, so that no single row knows them all.
  for await (const row of rows(run)) for (const key of Object.keys(row)) columns.add(key);
  const names = [...columns];
  const file = await open(path, 'w');
  try {
    const writer = new Buffered(file);
    await writer.add(`{"columns":${JSON.stringify(names)},"data":[`);
    let first = true;
    for await (const row of rows(run)) {
      await writer.add(`${first ? '' : ','}${JSON.stringify(names.map((name) => row[name] ?? null))}`);
      first = false;
    }
    await writer.add(']}');
    await writer.flush();
  } finally {
    await file.close();
  }
  return true;
}

async function* rows(run: Run): AsyncGenerator<Record<string, Scalar>> {
  for await (const image of readPerImage(run) as AsyncGenerator<ImageResult>) yield tableRow(image);
}

function tableRow(image: ImageResult): Record<string, Scalar> {
  const row: Record<string, Scalar> = { id: image.id, label: image.label };
  if (image.dropped !== undefined) row['dropped'] = image.dropped;
  if (image.clean) row['clean/prediction'] = image.clean.top[0] ?? null;
  Object.assign(row, verdicts(image));
  for (const [name, { float, rounded: _rounded, defended: _defended, ...numbers }] of Object.entries(
    image.attacks ?? {},
  )) {
    row[`attacked/${name}/prediction`] = float.top[0] ?? null;
    for (const [key, value] of Object.entries(flatten(numbers))) row[`attack/${name}/${key}`] = value;
  }
  return row;
}

class Buffered {
  #text = '';

  constructor(private readonly file: FileHandle) {}

  async add(text: string): Promise<void> {
    this.#text += text;
    if (this.#text.length >= CHUNK) await this.flush();
  }

  async flush(): Promise<void> {
    await this.file.appendFile(this.#text);
    this.#text = '';
  }
}
