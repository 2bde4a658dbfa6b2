import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TRAINED_WEIGHTS } from '../execution/trained-weights.js';
import { createRun, type Run } from '../tracking/index.js';
import { writeSafetensors } from '../weights/index.js';

type Tensors = Parameters<typeof writeSafetensors>[0];

/**
 * A run directory as a finished training leaves it, for tests of what names trained weights.
 *
 * @param metadata of the weights file; without it the run has not trained
 */
export async function trainedRun(
  runsFolder: string,
  name: string,
  metadata?: Readonly<Record<string, string>>,
  tensors: Tensors = new Map(),
): Promise<Run> {
  mkdirSync(runsFolder, { recursive: true });
  const run = await createRun(runsFolder, {
    name,
    specText: '',
    resolvedText: '',
    hash: '0'.repeat(64),
    provenance: { record: { format: 1 }, files: {} } as unknown as Parameters<typeof createRun>[1]['provenance'],
    commandLine: [],
  });
  if (metadata) writeFileSync(join(run.path, TRAINED_WEIGHTS), writeSafetensors(tensors, metadata));
  return run;
}
