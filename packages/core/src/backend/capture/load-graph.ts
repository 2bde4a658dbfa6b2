import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reasonOf } from '../../errors/index.js';
import type { NativeBinding } from '../native/kernel-backend.js';
import type { GraphNames, GraphWriter } from './graph-def.js';
import { NotCapturable, type RecordedGraph } from './graph-recorder.js';
import { mergeNodes } from './merge-nodes.js';

/** Hands a recorded graph to TensorFlow as a SavedModel. @throws NotCapturable where TensorFlow does not take it */
export function loadGraph(
  write: GraphWriter,
  binding: NativeBinding,
  graph: RecordedGraph,
): { readonly id: number; readonly names: GraphNames } {
  const { bytes, names } = write(mergeNodes(graph), binding);
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), 'shield-graph-'));
    writeFileSync(join(folder, 'saved_model.pb'), bytes);
    return { id: binding.loadSavedModel(folder, 'serve'), names };
  } catch (error) {
    // No room in the temporary folder, or an op that TensorFlow has only eagerly.
    throw new NotCapturable(reasonOf(error));
  } finally {
    if (folder) rmSync(folder, { recursive: true, force: true });
  }
}
