import { Type, type Static, type TSchema } from '@sinclair/typebox';
import { NAME_PATTERN, defenseUse, oneOf, pluginUse } from './schema-parts.js';
import { EXECUTOR } from './plugin-places.js';
import { sweepSchema } from './sweep-schema.js';

/*
 * The top level of a spec. Plugins' options are not here: each plugin brings its own schema, and is picked by its
 * `use` before anything is checked, so that an error names one option and never the branches of a union.
 */

const named = (what: string, one: TSchema = pluginUse(`{ use: NAME, … } of one ${what}`)) =>
  Type.Record(Type.String(), one, {
    default: {},
    propertyNames: { type: 'string', pattern: NAME_PATTERN },
    description: `the ${what}s by the names that results show, each { use: NAME, …its options }`,
  });

export const trainSchema = Type.Object(
  {
    optimizer: oneOf(['sgd', 'adam'], { default: 'adam', description: 'update rule' }),
    learning_rate: Type.Number({ exclusiveMinimum: 0, default: 0.001, description: 'step size at its highest' }),
    momentum: Type.Number({ minimum: 0, exclusiveMaximum: 1, default: 0.9, description: 'of sgd; adam has its own' }),
    schedule: oneOf(['constant', 'step', 'cosine'], {
      default: 'cosine',
      description:
        'how the learning rate goes: constant; step (times step_factor every step_epochs); cosine (half a wave down to 0)',
    }),
    step_epochs: Type.Integer({ minimum: 1, default: 10, description: 'epochs between two steps of schedule: step' }),
    step_factor: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      default: 0.1,
      description: 'what the learning rate is multiplied by at each step of schedule: step',
    }),
    warmup: Type.Number({
      minimum: 0,
      default: 0,
      description: 'epochs, or a part of one, over which the learning rate rises to its highest; the schedule follows',
    }),
    weight_decay: Type.Number({ minimum: 0, default: 0, description: 'decoupled L2 penalty a step' }),
    label_smoothing: Type.Number({
      minimum: 0,
      exclusiveMaximum: 1,
      default: 0,
      description: 'share of the target spread over all classes, from 0 up to 1',
    }),
    epochs: Type.Integer({ minimum: 1, default: 10, description: 'passes over the training images' }),
    layers: oneOf(['all', 'head'], {
      default: 'all',
      description: 'what is trained: all layers, or the classifier alone (batch norms then keep their averages)',
    }),
    statistics: oneOf(['batch', 'frozen'], {
      default: 'batch',
      description:
        'batch norms of the layers that are trained: by the statistics of each batch, with averages that move; or frozen, by the averages they came with',
    }),
    statistics_momentum: Type.Number({
      minimum: 0,
      exclusiveMaximum: 1,
      default: 0.9,
      description: 'share of a batch norm’s averages that each step keeps, with statistics: batch',
    }),
    flip: Type.Boolean({ default: false, description: 'whether half of the images, drawn each epoch, are mirrored' }),
    crop: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      default: 1,
      description:
        'smallest share of an image’s area that a random crop keeps, its shape between 3:4 and 4:3; 1: no crops',
    }),
    validation: Type.Integer({
      minimum: 0,
      default: 0,
      description: 'images held out, at the end of the dataset (with dataset.shuffle, drawn from all of it)',
    }),
    patience: Type.Integer({
      minimum: 0,
      default: 0,
      description:
        'epochs without a better validation accuracy after which training ends, with the weights of the best one; 0: all epochs are done and the last one’s weights taken',
    }),
  },
  { additionalProperties: false, description: 'how the model is trained, with perform: [train]' },
);

export const threatSchema = Type.Union(
  [
    Type.Literal('gray-box'),
    Type.Object(
      {
        'black-box': Type.Object(
          { model: pluginUse('the model that the adversarial images are made on') },
          { additionalProperties: false, description: 'images made on another model' },
        ),
      },
      { additionalProperties: false },
    ),
    Type.Object(
      {
        adaptive: Type.Object(
          {
            eot: Type.Optional(
              Type.Integer({
                minimum: 1,
                description: 'draws of a random defense that every step averages over (EOT); default: 10',
              }),
            ),
            gradient: Type.Optional(
              oneOf(['own', 'straight-through'], {
                description:
                  'the way back through a defense (BPDA): own (the function that the defense brings, else straight through; the default), or straight-through (as if it were the identity)',
              }),
            ),
          },
          {
            additionalProperties: false,
            description: 'the attack knows the defense: BPDA through it, EOT over its randomness',
          },
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    default: 'gray-box',
    description:
      'gray-box (attacks the undefended model), { black-box: { model: … } } (images made on that model), or { adaptive: { eot: n } } (each attack also goes through each defense)',
  },
);

export const trackingSchema = Type.Object(
  {
    mlflow: Type.Optional(
      Type.Object(
        {
          uri: Type.Optional(
            Type.String({
              pattern: '^https?://[^\\s/@]+(/[^\\s]*)?$',
              description:
                'address of the tracking server, without credentials (they come from the environment); default: $MLFLOW_TRACKING_URI',
            }),
          ),
          experiment: Type.Optional(
            Type.String({
              minLength: 1,
              maxLength: 500,
              description: 'experiment that runs are filed under; default: $MLFLOW_EXPERIMENT_NAME, else shield',
            }),
          ),
        },
        { additionalProperties: false, description: 'an MLflow server that is sent everything while the run goes on' },
      ),
    ),
    trackers: Type.Optional(
      Type.Record(Type.String(), pluginUse('{ use: NAME, …its options } of one tracker'), {
        propertyNames: { type: 'string', pattern: NAME_PATTERN },
        description: 'other observers, plugins that hear every event of the run',
      }),
    ),
  },
  { additionalProperties: false, description: 'where else runs are recorded; no part of the hash' },
);

export const specSchema = Type.Object(
  {
    name: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$',
      description:
        'name of the experiment: letters, digits, dot, dash and underscore, at most 100; default: the file name',
    }),
    description: Type.Optional(Type.String({ description: 'what it is for' })),
    seed: Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      default: 0,
      description: 'every random draw comes from it; a whole number from 0',
    }),
    plugins: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description: 'plugins to load: package names, or paths (.ts, .js) relative to the file that names them',
    }),
    backend: oneOf(['auto', 'node-gpu', 'node', 'webgpu', 'wasm', 'cpu'], {
      default: 'auto',
      description: 'where tensors are computed; auto takes the fastest that works here',
    }),
    batch: Type.Integer({ minimum: 1, maximum: 4096, default: 16, description: 'images computed at once' }),
    dataset: pluginUse('where the images come from: { use: NAME, …its options }'),
    model: pluginUse('the network under attack: { use: NAME, …its options }'),
    attacks: named('attack'),
    defenses: named('defense', defenseUse('{ use: NAME, … } of one defense, or a list of such: a chain')),
    threat: threatSchema,
    handover: oneOf(['round', 'truncate'], {
      default: 'round',
      description: "how floats become bytes before a codec: round to the nearest, or truncate (the original's)",
    }),
    evaluate: Type.Object(
      {
        top: Type.Array(Type.Integer({ minimum: 1 }), {
          minItems: 1,
          uniqueItems: true,
          default: [1, 5],
          description: 'k of the top-k accuracies that are measured',
        }),
        draws: Type.Integer({ minimum: 1, default: 5, description: 'draws that a random defense is scored over' }),
      },
      { default: {}, additionalProperties: false, description: 'what is measured' },
    ),
    perform: Type.Array(
      oneOf(['attack', 'defend', 'evaluate', 'train'], { description: 'attack, defend, evaluate or train' }),
      {
        minItems: 1,
        uniqueItems: true,
        default: ['attack', 'defend', 'evaluate'],
        description: 'the stages that are done: any of attack, defend and evaluate, or train alone',
      },
    ),
    train: Type.Optional(trainSchema),
    execution: Type.Object(
      {
        use: Type.String({
          minLength: 1,
          default: EXECUTOR,
          description: 'what carries out the cells of a sweep, and the shards of a run',
        }),
      },
      {
        default: {},
        description: 'how it is run: { use: EXECUTOR, …its options, shards, threads, time_limit, strip }',
      },
    ),
    tracking: Type.Optional(trackingSchema),
    sweep: Type.Optional(sweepSchema),
  },
  { additionalProperties: false, description: 'a SHIELD spec' },
);

export type SpecDocument = Static<typeof specSchema>;

/** Keys that are composed away before the spec is validated. */
export const COMPOSITION_KEYS = ['defaults', 'attack', 'defense', 'ensemble'] as const;

/** Words of the grammar that this version does nothing with yet: using them is an error, not silence. */
export const LATER_KEYS: readonly string[] = [];

/** Every word that may stand at the top of a spec, for "did you mean". */
export const TOP_LEVEL_KEYS: readonly string[] = [...Object.keys(specSchema.properties), ...COMPOSITION_KEYS];
