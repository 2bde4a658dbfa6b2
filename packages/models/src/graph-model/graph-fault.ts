import { ShieldError } from '@shield/core';

const EXPECTED =
  'give the model.json of a TensorFlow.js graph model with its shards beside it, as tensorflowjs_converter ' +
  '--output_format=tfjs_graph_model writes them';

/** WEIGHTS_INVALID for a graph model. @param expected how to mend it, where that is not to give a whole one */
export function graphFault(path: string, reason: string, expected = EXPECTED, cause?: unknown): ShieldError {
  return new ShieldError('WEIGHTS_INVALID', { path, reason, expected }, { cause });
}
