import { existsSync } from 'node:fs';
import { readWeights, type AssetSource, type LoadContext, type Model } from '@shield/core';
import { Type, type Static } from '@sinclair/typebox';
import { classesOption, withClasses, type Head } from './new-head.js';
import { FoldingInPlace } from './tf-slim-folding.js';
import type { SlimNetwork } from './tf-slim-ops.js';
import { slimParts, slimVariables, some } from './tf-slim-variables.js';

/** The options that every network of tf-slim has. */
export const slimOptions = Type.Object(
  {
    weights: Type.String({
      minLength: 1,
      description:
        'pretrained: the published ones, from data/checkpoints where they are there, else downloaded once (resnet_v2_50 ' +
        'and inception_v4); or the path of a TensorFlow ' +
        'checkpoint (V1: the .ckpt file; V2: the name that its files begin with) or of a .safetensors file with the ' +
        'same names; or run:ID, the weights that a training run left',
    }),
    classes: classesOption,
  },
  { additionalProperties: false },
);

/** Where the original keeps its checkpoints, beside the TFRecords of `shield data provision`. */
const CHECKPOINTS = 'data/checkpoints';

type SlimCheckpoint = Extract<AssetSource, { kind: 'url' }>;

/** A checkpoint as TensorFlow publishes it for tf-slim. */
export const slimCheckpoint = (archive: string, member: string): SlimCheckpoint => ({
  kind: 'url',
  base: 'https://storage.googleapis.com/download.tensorflow.org/models/',
  archive,
  member,
});

/** Loads a network of tf-slim. @throws WEIGHTS_INVALID, and what {@link Assets.file} throws */
export async function loadSlim(
  network: SlimNetwork,
  { weights, classes }: Static<typeof slimOptions>,
  context: LoadContext,
  pretrained?: SlimCheckpoint,
): Promise<Model> {
  const published = weights === 'pretrained' ? pretrained : undefined;
  const path = published ? await publishedFile(published, context) : context.resolvePath(weights);
  const names = slimVariables(network, 1);
  const { training = false } = context;
  const folding = training ? undefined : new FoldingInPlace(network);
  const [{ tensors, sha256, ignored }, { slimModel }] = await Promise.all([
    readWeights(
      path,
      (name) => names.has(name),
      (name, sofar) => folding?.arrived(name, sofar),
    ),
    // tfjs is loaded when a model is, not when the plugins are listed.
    import('./tf-slim.js'),
  ]);
  context.opened(path, sha256);
  if (ignored.length > 0) context.log(`${path}: ${ignored.length} variables are not needed: ${some(ignored)}`);
  const wanted = withClasses(tensors, classes, headOf(network), network.scope, path, context);
  return slimModel(network, { weights: wanted, ...(folding && { folding }), weightsDigest: sha256, path, training });
}

/** What lies in the original's folder, else what is fetched into the cache. */
async function publishedFile(published: SlimCheckpoint, context: LoadContext): Promise<string> {
  const beside = context.resolvePath(`${CHECKPOINTS}/${published.member}`);
  if (!existsSync(beside)) return context.assets.file(published);
  context.log(`weights: ${beside}`);
  return beside;
}

function headOf(network: SlimNetwork): Head {
  const shapeFor = (classes: number) => slimParts(network, classes).layers.at(-1)!;
  const { scope, shape } = shapeFor(1);
  return {
    kernel: `${network.scope}/${scope}/weights`,
    bias: `${network.scope}/${scope}/biases`,
    features: shape.at(-2)!,
    kernelShape: (classes) => shapeFor(classes).shape,
  };
}
