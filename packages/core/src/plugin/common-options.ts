import { Type, type TObject, type TProperties } from '@sinclair/typebox';
import { ShieldError } from '../errors/index.js';
import type { PluginKind } from './contracts.js';
import type { Plugin } from './define.js';

/** How an image becomes the network's input. */
export const preprocessSchema = Type.Object(
  {
    resize: Type.Union([Type.Literal('stretch'), Type.Literal('fit')], {
      default: 'stretch',
      description: 'stretch: the whole image to the input size; fit: the shorter side to it, then a centre crop',
    }),
    interpolation: Type.Union(
      [
        Type.Literal('nearest'),
        Type.Literal('bilinear'),
        Type.Literal('bilinear_tf1'),
        Type.Literal('bicubic'),
        Type.Literal('lanczos'),
      ],
      {
        default: 'bicubic',
        description:
          "filter of the resize: Pillow's of that name, or bilinear_tf1, TensorFlow 1's resize_bilinear, which the original prepares images with",
      },
    ),
    crop: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      default: 1,
      description: 'central share of the image kept before the resize, of each side, above 0 up to 1',
    }),
    idct: Type.Union([Type.Literal('islow'), Type.Literal('ifast')], {
      default: 'islow',
      description:
        "inverse DCT that JPEG files are decoded with: islow is libjpeg's accurate one, ifast the one that TensorFlow decodes with",
    }),
  },
  { default: {}, description: "how an image becomes the network's input", additionalProperties: false },
);

/** What every dataset takes beside its own options. */
export const datasetOptions = {
  skip: Type.Integer({
    minimum: 0,
    default: 0,
    description: 'images left out at the start, after only_… and the shuffle',
  }),
  limit: Type.Integer({ minimum: 0, default: 0, description: 'images taken at most; 0 for all' }),
  shuffle: Type.Boolean({ default: false, description: 'whether the images are put in an order drawn from the seed' }),
  only_classes: Type.Array(Type.Union([Type.Integer({ minimum: 0 }), Type.String({ minLength: 1 })]), {
    default: [],
    description: 'classes whose images are taken: numbers, wnids or names; empty for all',
  }),
  only_ids: Type.Union([Type.Array(Type.String({ minLength: 1 })), Type.String()], {
    default: [],
    description: 'ids of the images that are taken, or the path of a text file with one a line; empty for all',
  }),
  on_corrupt: Type.Union([Type.Literal('fail'), Type.Literal('skip')], {
    default: 'fail',
    description: 'what an unreadable image does: fail ends the run; skip leaves it out, counts and names it',
  }),
  preprocess: preprocessSchema,
};

/** What every attack takes beside its own options. */
export const attackOptions = {
  labels: Type.Union([Type.Literal(true), Type.Literal('predicted')], {
    default: true,
    description: "the class to get away from: the dataset's (true) or the one that the model predicts (predicted)",
  }),
  attack_misclassified: Type.Boolean({
    default: false,
    description: 'whether images that the model gets wrong already are attacked too',
  }),
  grid: Type.Union([Type.Literal('float'), Type.Literal('uint8')], {
    default: 'float',
    description:
      'what the images are made of: float as the attack leaves them, or uint8: levels 0-255 that still fool the model, found near the float result and within eps',
  }),
};

/** What an attack takes that can aim at a class. */
export const targetedOptions = {
  target: Type.Union(
    [
      Type.Literal('none'),
      Type.Literal('random'),
      Type.Literal('least_likely'),
      Type.Integer({ minimum: 0 }),
      Type.Object(
        {
          csv: Type.String({ minLength: 1, description: 'path of a csv file with a header' }),
          id: Type.Optional(Type.String({ description: "column of the image's id; default: ImageId" })),
          class: Type.Optional(Type.String({ description: 'column of the class; default: TargetClass' })),
          offset: Type.Optional(
            Type.Integer({ description: "added to the class, to have it in the dataset's numbering; default: 0" }),
          ),
        },
        { additionalProperties: false },
      ),
    ],
    {
      default: 'none',
      description:
        "class to reach, in the dataset's numbering: none (untargeted), random (drawn for each image), least_likely, a class number, or { csv: PATH, id: ImageId, class: TargetClass, offset: 0 }; an image of that class is left out",
    },
  ),
};

/** What stands under `execution` whatever carries the cells out. */
export const executorOptions = {
  shards: Type.Union([Type.Integer({ minimum: 1, maximum: 10_000 }), Type.Literal('auto')], {
    default: 1,
    affectsResult: false,
    description:
      "parts that a run's batches are split into, for the workers of the executor to compute at the same time; auto: as many as there are workers",
  }),
  threads: Type.Integer({
    minimum: 0,
    maximum: 1024,
    default: 0,
    description: 'threads of the backend; 0: every core, or the share of one of several workers or shards',
  }),
  time_limit: Type.Number({
    minimum: 0,
    default: 0,
    description:
      'seconds after which a run stops as TIMEOUT, from where it can be resumed; 0: none. No part of the hash',
  }),
  strip: Type.Integer({
    minimum: 0,
    maximum: 100,
    default: 6,
    description: 'images in the picture strip; 0: none',
  }),
};

const KEPT: Readonly<Record<PluginKind, readonly string[]>> = {
  dataset: Object.keys(datasetOptions),
  attack: Object.keys(attackOptions),
  model: [],
  defense: [],
  tracker: [],
  executor: Object.keys(executorOptions),
};

/** Whether an option belongs to every plugin of the kind, so that it survives a change of the plugin. */
export function isCommonOption(kind: PluginKind, option: string): boolean {
  return KEPT[kind].includes(option);
}

/**
 * All options of a plugin: its own, then those that every plugin of its kind has. Where a plugin declares one of the
 * common ones itself (another default, say), its own declaration holds. Nothing else is taken.
 *
 * @throws PLUGIN_INVALID for an option named `use`
 */
export function fullOptionsSchema(plugin: Plugin): TObject {
  let schema = schemas.get(plugin);
  if (!schema) schemas.set(plugin, (schema = fullSchema(plugin)));
  return schema;
}

/** Plugins are frozen, and every cell of a sweep asks. */
const schemas = new WeakMap<Plugin, TObject>();

function fullSchema(plugin: Plugin): TObject {
  const own = plugin.options.properties;
  if ('use' in own) {
    throw new ShieldError('PLUGIN_INVALID', { path: plugin.name, reason: 'no option can be named "use"' });
  }
  const common: TProperties = commonOptions(plugin);
  const added = Object.entries(common).filter(([name]) => !(name in own));
  // The plugin's own schema may be plain JSON Schema: `required` is taken as it is written.
  const required = [...(plugin.options.required ?? [])];
  return {
    ...plugin.options,
    properties: { ...own, ...Object.fromEntries(added) },
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  };
}

function commonOptions(plugin: Plugin): TProperties {
  switch (plugin.kind) {
    case 'dataset':
      return datasetOptions;
    case 'attack':
      return plugin.targeted ? { ...attackOptions, ...targetedOptions } : attackOptions;
    case 'executor':
      return executorOptions;
    case 'model':
    case 'defense':
    case 'tracker':
      return {};
  }
}
