import { readWeights, type LoadContext, type Model } from '@shield/core';
import { Type, type Static } from '@sinclair/typebox';
import type { SlimNetwork } from './tf-slim-ops.js';
import { slimVariables, some } from './tf-slim-variables.js';

/** The options that every network of tf-slim has. */
export const slimOptions = Type.Object(
  {
    weights: Type.String({
      minLength: 1,
      description:
        'path of a TensorFlow checkpoint as published for tf-slim (V1: the .ckpt file; V2: the name that its files begin with), ' +
        'or of a .safetensors file whose tensors have the same names',
    }),
  },
  { additionalProperties: false },
);

/** Loads a network of tf-slim. @throws WEIGHTS_INVALID */
export async function loadSlim(
  network: SlimNetwork,
  { weights }: Static<typeof slimOptions>,
  context: LoadContext,
): Promise<Model> {
  const path = context.resolvePath(weights);
  const names = slimVariables(network, 1);
  const { tensors, sha256, ignored } = await readWeights(path, (name) => names.has(name));
  context.opened(path, sha256);
  if (ignored.length > 0) context.log(`${path}: ${ignored.length} variables are not needed: ${some(ignored)}`);
  // tfjs is loaded when a model is, not when the plugins are listed.
  const { slimModel } = await import('./tf-slim.js');
  return slimModel(network, { weights: tensors, weightsDigest: sha256, path });
}
