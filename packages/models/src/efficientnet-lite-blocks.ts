/** What tells the EfficientNet-Lites apart (tensorflow/tpu, efficientnet/lite/efficientnet_lite_builder.py). */
export interface LiteVariant {
  readonly width: number;
  readonly depth: number;
}

/** One inverted residual block. */
export interface LiteBlock {
  readonly kernel: number;
  readonly stride: number;
  /** The expansion's factor; 1 means that there is none. */
  readonly expand: number;
  readonly from: number;
  readonly to: number;
}

export const STEM_FILTERS = 32;
export const HEAD_FILTERS = 1280;
export const BATCH_NORM_EPSILON = 1e-3;
/** A batch norm's tensors, as torch names them. */
export const BATCH_NORM = ['weight', 'bias', 'running_mean', 'running_var'] as const;

/** EfficientNet-B0's stages without squeeze-and-excitation: [repeats, kernel, stride, expand, filters]. */
const STAGES = [
  [1, 3, 1, 1, 16],
  [2, 3, 2, 6, 24],
  [2, 5, 2, 6, 40],
  [3, 3, 2, 6, 80],
  [3, 5, 1, 6, 112],
  [4, 5, 2, 6, 192],
  [1, 3, 1, 6, 320],
] as const;

/** The blocks of a variant. Stem, head and the repeats of the first and last stage are not scaled (`fix_head_stem`). */
export function liteBlocks({ width, depth }: LiteVariant): LiteBlock[] {
  const blocks: LiteBlock[] = [];
  let from = STEM_FILTERS;
  STAGES.forEach(([repeats, kernel, stride, expand, filters], stage) => {
    const fixed = stage === 0 || stage === STAGES.length - 1;
    const to = roundFilters(filters * width);
    for (let i = 0; i < (fixed ? repeats : Math.ceil(repeats * depth)); i++) {
      blocks.push({ kernel, stride: i === 0 ? stride : 1, expand, from, to });
      from = to;
    }
  });
  return blocks;
}

/** The next multiple of 8 that takes away at most a tenth (efficientnet_model.py, round_filters). */
function roundFilters(filters: number): number {
  const rounded = Math.max(8, Math.floor((filters + 4) / 8) * 8);
  return rounded < 0.9 * filters ? rounded + 8 : rounded;
}

/** A convolution and the batch norm after it, by their names in the published PyTorch weights. */
export interface LiteConvolution {
  readonly convolution: string;
  readonly batchNorm: string;
  readonly depthwise: boolean;
  /** As torch stores it: [out, in, h, w], in = 1 where depthwise. */
  readonly shape: readonly [number, number, number, number];
}

/** Every convolution of a variant in the order in which the image meets them. */
export function liteConvolutions(variant: LiteVariant): LiteConvolution[] {
  const blocks = liteBlocks(variant);
  const named = (prefix: string, convolution: string, batchNorm: string, shape: LiteConvolution['shape']) => ({
    convolution: `${prefix}_${convolution}.weight`,
    batchNorm: `${prefix}_${batchNorm}`,
    depthwise: convolution === 'depthwise_conv',
    shape,
  });
  return [
    named('', 'conv_stem', 'bn0', [STEM_FILTERS, 3, 3, 3]),
    ...blocks.flatMap(({ kernel, expand, from, to }, i) => {
      const wide = from * expand;
      const prefix = `_blocks.${i}.`;
      return [
        ...(expand === 1 ? [] : [named(prefix, 'expand_conv', 'bn0', [wide, from, 1, 1])]),
        named(prefix, 'depthwise_conv', 'bn1', [wide, 1, kernel, kernel]),
        named(prefix, 'project_conv', 'bn2', [to, wide, 1, 1]),
      ];
    }),
    named('', 'conv_head', 'bn1', [HEAD_FILTERS, blocks.at(-1)!.to, 1, 1]),
  ];
}
