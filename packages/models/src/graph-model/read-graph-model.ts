import { createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { reasonOf, type LoadContext } from '@shield/core';
import type { io } from '@tensorflow/tfjs-core';
import { graphFault } from './graph-fault.js';
import { jsonFaultOffset } from './json-fault.js';
import { parseTopology, type Topology } from './topology.js';
import { isRecord, parseManifest, type WeightGroup } from './weights-manifest.js';

/** A string of V8 holds half of a gigabyte; graphs of real networks take a few MB without their weights. */
const LARGEST_JSON = 2 ** 28;

export interface GraphFiles {
  /** Of model.json. */
  readonly path: string;
  readonly topology: Topology;
  /** As the converter's runtime takes them. */
  readonly artifacts: io.ModelArtifacts;
  /** Over model.json and every shard. */
  readonly sha256: string;
}

/**
 * Reads model.json and its shards. Nothing outside of its folder is read, and nothing before its size is known to be
 * what the manifest says.
 *
 * @param path of model.json or of its folder
 * @throws WEIGHTS_INVALID naming the file and, where there is one, the place
 */
export async function readGraphModel(path: string, context: Pick<LoadContext, 'opened'>): Promise<GraphFiles> {
  const file = await modelFile(path);
  const bytes = await readAll(file);
  const sums = [sha256(bytes)];
  context.opened(file, sums[0]);
  const model = parseModel(bytes, file);
  const topology = parseTopology(model['modelTopology'], model['signature'], file);
  const groups = parseManifest(model['weightsManifest'], file);
  const buffers: ArrayBuffer[] = [];
  for (const group of groups) {
    for (const shard of await readShards(group, dirname(file))) {
      sums.push(sha256(shard.bytes));
      context.opened(shard.path, sums.at(-1));
      buffers.push(shard.bytes.buffer);
    }
  }
  const artifacts: io.ModelArtifacts = {
    format: 'graph-model',
    modelTopology: model['modelTopology'] as object,
    weightSpecs: groups.flatMap(({ specs }) => [...specs]),
    weightData: buffers,
  };
  if (isRecord(model['signature'])) artifacts.signature = model['signature'];
  return { path: file, topology, artifacts, sha256: createHash('sha256').update(sums.join()).digest('hex') };
}

async function modelFile(path: string): Promise<string> {
  try {
    const stats = await stat(path);
    const file = stats.isDirectory() ? join(path, 'model.json') : path;
    const { size } = stats.isDirectory() ? await stat(file) : stats;
    if (size > LARGEST_JSON) throw graphFault(file, `it has ${size} bytes, more than any graph`);
    return file;
  } catch (error) {
    throw asFault(path, error);
  }
}

async function readAll(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readFile(path);
  } catch (error) {
    throw asFault(path, error);
  }
}

function parseModel(bytes: Uint8Array, path: string): Record<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw graphFault(path, 'it is not JSON: it is not UTF-8', undefined, error);
  }
  let model: unknown;
  try {
    model = JSON.parse(text);
  } catch (error) {
    const at = Buffer.byteLength(text.slice(0, jsonFaultOffset(text)));
    throw graphFault(path, `it is not JSON from byte ${at} on`, undefined, error);
  }
  if (!isRecord(model)) throw graphFault(path, 'it is not a JSON object');
  if (model['format'] === 'layers-model') {
    const expected = 'convert it once more: tensorflowjs_converter --input_format=tfjs_layers_model --output_format=tfjs_graph_model'; // prettier-ignore
    throw graphFault(path, 'it is a layers model (Keras), not a graph model', expected);
  }
  if (model['modelInitializer'] !== undefined && isRecord(model['modelInitializer'])) {
    const { node } = model['modelInitializer'];
    if (Array.isArray(node) && node.length > 0) throw graphFault(path, 'it has tables to initialise, which no image classifier needs'); // prettier-ignore
  }
  return model;
}

/** The shards of a group, whose sizes together are what its variables take. */
async function readShards(
  { shards, bytes: expected }: WeightGroup,
  folder: string,
): Promise<{ path: string; bytes: Uint8Array<ArrayBuffer> }[]> {
  const paths = shards.map((shard) => join(folder, shard));
  let total = 0;
  for (const path of paths) {
    const stats = await stat(path).catch((error: unknown) => {
      throw asFault(path, error);
    });
    if (!stats.isFile()) throw graphFault(path, 'it is not a file');
    total += stats.size;
    if (total > expected) {
      throw graphFault(path, `the variables end at byte ${stats.size - (total - expected)} of its ${stats.size}`);
    }
  }
  if (total < expected) {
    const last = paths.at(-1) ?? folder;
    throw graphFault(last, `it ends ${expected - total} bytes before the last of the variables in model.json does`);
  }
  const read: { path: string; bytes: Uint8Array<ArrayBuffer> }[] = [];
  for (const path of paths) read.push({ path, bytes: await readExactly(path) });
  return read;
}

/** Into a buffer of its own: what readFile gives for small files is a part of a shared one. */
async function readExactly(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw asFault(path, error);
  });
  try {
    const { size } = await file.stat();
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(bytes, at, size - at, at);
      if (bytesRead === 0) throw graphFault(path, `it ends at byte ${at} of ${size}: it was changed while it was read`);
      at += bytesRead;
    }
    return bytes;
  } catch (error) {
    throw asFault(path, error);
  } finally {
    await file.close();
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function asFault(path: string, error: unknown): Error {
  if (error instanceof Error && 'code' in error && error.code === 'WEIGHTS_INVALID') return error;
  return graphFault(path, reasonOf(error), undefined, error);
}
