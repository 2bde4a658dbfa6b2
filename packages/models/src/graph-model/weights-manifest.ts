import { sizeOf } from '@shield/core';
import type { io } from '@tensorflow/tfjs-core';
import { graphFault } from './graph-fault.js';

/** Variables that stand one after another in a row of shards. */
export interface WeightGroup {
  /** Names of files beside model.json. */
  readonly shards: readonly string[];
  readonly specs: readonly io.WeightsManifestEntry[];
  /** What the variables take in the shards. */
  readonly bytes: number;
}

const BYTES: Readonly<Record<string, number>> = { float32: 4, int32: 4, bool: 1, complex64: 8 };
const QUANTIZED: Readonly<Record<string, number>> = { uint8: 1, uint16: 2, float16: 2 };

/** `weightsManifest` of model.json. @throws WEIGHTS_INVALID */
export function parseManifest(value: unknown, path: string): WeightGroup[] {
  if (!Array.isArray(value)) throw graphFault(path, 'it has no list "weightsManifest"');
  const names = new Set<string>();
  return value.map((group: unknown, i) => {
    const at = `weightsManifest[${i}]`;
    const { paths, weights } = isRecord(group) ? group : {};
    if (!isStrings(paths) || !Array.isArray(weights))
      throw graphFault(path, `${at} has no lists "paths" and "weights"`);
    for (const shard of paths) if (!isBeside(shard)) throw graphFault(path, `the shard "${shard}" of ${at} leaves its folder`); // prettier-ignore
    let bytes = 0;
    const specs = weights.map((entry: unknown, k): io.WeightsManifestEntry => {
      const spec = parseEntry(entry, `${at}.weights[${k}]`, path);
      if (names.has(spec.name)) throw graphFault(path, `"${spec.name}" is listed twice`);
      names.add(spec.name);
      bytes += sizeOf(spec.shape) * (spec.quantization ? QUANTIZED[spec.quantization.dtype]! : BYTES[spec.dtype]!);
      if (!Number.isSafeInteger(bytes)) throw graphFault(path, `the shape [${spec.shape.join()}] of "${spec.name}" is impossible`); // prettier-ignore
      return spec;
    });
    return { shards: paths, specs, bytes };
  });
}

function parseEntry(entry: unknown, at: string, path: string): io.WeightsManifestEntry {
  const { name, shape, dtype, quantization } = isRecord(entry) ? entry : {};
  if (typeof name !== 'string') throw graphFault(path, `${at} has no name`);
  if (!Array.isArray(shape) || !shape.every((side) => Number.isSafeInteger(side) && (side as number) >= 0)) {
    throw graphFault(path, `"${name}" has no valid shape`);
  }
  if (typeof dtype !== 'string' || !Object.hasOwn(BYTES, dtype)) {
    throw graphFault(path, `"${name}" has the type ${JSON.stringify(dtype) ?? 'none'}, which cannot be read`);
  }
  const sides = shape as number[];
  if (!Number.isSafeInteger(sizeOf(sides))) throw graphFault(path, `the shape [${sides.join()}] of "${name}" is impossible`); // prettier-ignore
  const spec = { name, shape: sides, dtype: dtype as io.WeightsManifestEntry['dtype'] };
  if (quantization === undefined) return spec;
  return { ...spec, quantization: parseQuantization(quantization, spec, path) };
}

/** value = stored · scale + min, or a float16. */
function parseQuantization(
  value: unknown,
  { name, dtype }: { name: string; dtype: string },
  path: string,
): NonNullable<io.WeightsManifestEntry['quantization']> {
  const { dtype: stored, scale, min } = isRecord(value) ? value : {};
  const known = typeof stored === 'string' && Object.hasOwn(QUANTIZED, stored);
  const scaled = stored === 'float16' || (Number.isFinite(scale) && Number.isFinite(min));
  if (!known || !scaled || !['float32', 'int32'].includes(dtype) || (stored === 'float16' && dtype !== 'float32')) {
    throw graphFault(path, `"${name}" is quantized in a way that cannot be read`);
  }
  return value as NonNullable<io.WeightsManifestEntry['quantization']>;
}

/** A path to below the folder: no address, no absolute path, no `..`. */
function isBeside(path: string): boolean {
  return path !== '' && !/^[/\\]|^[a-z]+:|\\|\0/i.test(path) && !path.split('/').includes('..');
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
