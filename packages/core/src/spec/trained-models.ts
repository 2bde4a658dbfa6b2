import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { ShieldError } from '../errors/index.js';
import { findTrainedRun, RUN_PREFIX } from '../execution/trained-weights.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { readWeightsMetadata } from '../weights/read-metadata.js';
import { child, fromPlain, getIn, locateValue, setIn, toPlain, type MapNode, type SpecPath } from './tree.js';

export interface TrainedModelsOptions {
  readonly registry: PluginRegistry;
  /** Where `run:ID` is looked for. */
  readonly runsFolder: string;
  /** Folder that paths are relative to, before the working directory. */
  readonly folder: string;
}

/**
 * Models that name trained weights: `use: run:ID`, `use: path/to/weights.safetensors` and `weights: run:ID`. The plugin
 * and those of its options that are not written come from the weights' provenance; `run:` is made the run's whole id.
 *
 * @param paths where models stand in the spec
 * @throws RUN_NOT_FOUND, RUN_WITHOUT_WEIGHTS, WEIGHTS_INVALID
 */
export async function expandTrainedModels(
  tree: MapNode,
  paths: readonly SpecPath[],
  options: TrainedModelsOptions,
): Promise<MapNode> {
  let expanded = tree;
  for (const path of paths) expanded = await expandOne(expanded, path, options);
  return expanded;
}

async function expandOne(tree: MapNode, path: SpecPath, options: TrainedModelsOptions): Promise<MapNode> {
  const node = getIn(tree, path);
  const text = (key: string) => {
    const value = child(node, key);
    return value?.kind === 'scalar' && typeof value.value === 'string' ? value.value : undefined;
  };
  const [use, weights] = [text('use'), text('weights')];
  const named = use !== undefined && isTrained(use);
  const reference = named ? use : weights?.startsWith(RUN_PREFIX) ? weights : undefined;
  if (node?.kind !== 'map' || reference === undefined) return tree;
  const where = locateValue(tree, [...path, named ? 'use' : 'weights']);
  try {
    const { file, stored } = await locate(reference, options);
    const { model, options: json } = await readWeightsMetadata(file);
    if (model === undefined) {
      const reason = 'it does not say what network it is of';
      throw invalid(reference, reason, 'write use: NAME, and weights: with this path');
    }
    const plugin = options.registry.has('model', use!) ? options.registry.get('model', use!).name : use;
    if (!named && plugin !== model && use !== undefined) {
      throw invalid(reference, `they are of ${model}, not of ${use}`, `write use: ${model}, or use: ${reference}`);
    }
    const written = toPlain(node) as Record<string, unknown>;
    const trained = json === undefined ? {} : (JSON.parse(json) as Record<string, unknown>);
    const missing = Object.entries(trained).filter(([key]) => !(key in written));
    const values = { ...Object.fromEntries(missing), use: model, weights: stored };
    return Object.entries(values).reduce(
      (filled, [key, value]) => setIn(filled, [...path, key], fromPlain(value, where), where) as MapNode,
      tree,
    );
  } catch (error) {
    if (!(error instanceof ShieldError)) throw error;
    throw new ShieldError(error.code, error.params, { where, cause: error.cause });
  }
}

/** Whether a `use` names weights and not a plugin. */
function isTrained(use: string): boolean {
  return use.startsWith(RUN_PREFIX) || /[/\\]|\.safetensors$/.test(use);
}

async function locate(
  reference: string,
  { runsFolder, folder }: TrainedModelsOptions,
): Promise<{ readonly file: string; readonly stored: string }> {
  if (reference.startsWith(RUN_PREFIX)) {
    const { run, path } = await findTrainedRun(runsFolder, reference);
    return { file: path, stored: RUN_PREFIX + run.id };
  }
  const besideSpec = resolve(folder, reference);
  const file = isAbsolute(reference) || existsSync(besideSpec) ? besideSpec : resolve(reference);
  return { file, stored: reference };
}

function invalid(path: string, reason: string, expected: string): ShieldError {
  return new ShieldError('WEIGHTS_INVALID', { path, reason, expected });
}
