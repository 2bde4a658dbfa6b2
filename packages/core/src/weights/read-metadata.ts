import { open } from 'node:fs/promises';
import { ShieldError, reasonOf } from '../errors/index.js';

const MAX_HEADER = 100_000_000;

/**
 * The metadata of a safetensors file, without its tensors; empty for a file of another form.
 *
 * @throws WEIGHTS_INVALID where it is not there
 */
export async function readWeightsMetadata(path: string): Promise<Readonly<Record<string, string>>> {
  try {
    const file = await open(path, 'r');
    try {
      const start = Buffer.alloc(8);
      await file.read(start, 0, 8, 0);
      const length = start.readBigUInt64LE();
      const { size } = await file.stat();
      if (length > BigInt(Math.min(MAX_HEADER, size - 8))) return {};
      const header = Buffer.alloc(Number(length));
      await file.read(header, 0, header.length, 8);
      return metadataIn(header.toString('utf8'));
    } finally {
      await file.close();
    }
  } catch (error) {
    const expected = 'give the path of a .safetensors file that a training left, or run:ID';
    throw new ShieldError('WEIGHTS_INVALID', { path, reason: reasonOf(error), expected }, { cause: error });
  }
}

function metadataIn(json: string): Record<string, string> {
  try {
    const { __metadata__ } = JSON.parse(json) as { __metadata__?: Record<string, string> };
    return __metadata__ ?? {};
  } catch {
    return {};
  }
}
