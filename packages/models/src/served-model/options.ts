import { Type, type Static } from '@sinclair/typebox';
import { classOffset, inputValues } from '../input-values.js';

export const servedOptions = Type.Object(
  {
    url: Type.String({
      pattern: '^https?://[^\\s/]+',
      description:
        'address that images are sent to, such as http://HOST:8501/v1/models/NAME:predict, ' +
        'http://HOST:5000/invocations or http://HOST:8000/v2/models/NAME/infer',
    }),
    protocol: Type.Union([Type.Literal('instances'), Type.Literal('open_inference')], {
      default: 'instances',
      description:
        'instances: TensorFlow Serving, MLflow, Vertex AI, SageMaker ({"instances": …} to {"predictions": …}); ' +
        'open_inference: Triton, MLServer, TorchServe, KServe (V2)',
    }),
    size: Type.Integer({ minimum: 1, maximum: 4096, description: 'height and width of the input, in pixels' }),
    send: Type.Union([Type.Literal('float32'), Type.Literal('uint8'), Type.Literal('png')], {
      default: 'float32',
      description:
        'float32: numbers, after range, mean and std; uint8: levels from 0 to 255, rounded; png: a file of those, in ' +
        'base64, as {"b64": …}',
    }),
    layout: Type.Union([Type.Literal('nhwc'), Type.Literal('nchw')], {
      default: 'nhwc',
      description: 'order of the axes: batch, height, width and channels last, or channels before height',
    }),
    ...inputValues,
    gives: Type.Union([Type.Literal('probabilities'), Type.Literal('logits'), Type.Literal('labels')], {
      default: 'probabilities',
      description:
        'what it answers for each image; labels: the number of one class, enough for hop_skip_jump and boundary only',
    }),
    classes: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 100_000,
      description: 'classes that it tells apart; 0: as many as it gives numbers; needed where it gives labels',
    }),
    class_offset: classOffset,
    input: Type.String({ default: '', description: 'name of the input; empty: the only one' }),
    output: Type.String({ default: '', description: 'name of the output; empty: the only one' }),
    version: Type.String({
      default: '',
      description: 'what you call the version that is deployed: part of what names results, so that another one is attacked anew', // prettier-ignore
    }),
    token_env: Type.String({
      default: '',
      pattern: '^[A-Za-z_0-9]*$',
      description: 'environment variable that holds the token for the server, which is never on record; empty: none',
    }),
    token_header: Type.String({
      default: 'Authorization',
      pattern: '^[A-Za-z0-9-]+$',
      description: 'header that carries it; in Authorization it stands behind "Bearer"',
    }),
    batch: Type.Integer({ default: 8, minimum: 1, maximum: 1024, description: 'images a request' }),
    parallel: Type.Integer({ default: 2, minimum: 1, maximum: 64, description: 'requests at a time' }),
    timeout_s: Type.Number({ default: 30, exclusiveMinimum: 0, maximum: 3600, description: 'seconds to wait for an answer' }), // prettier-ignore
    retries: Type.Integer({
      default: 3,
      minimum: 0,
      maximum: 100,
      description: 'how often a request is made again after a lost connection, no answer, or one that says busy',
    }),
  },
  { additionalProperties: false },
);
export type ServedOptions = Static<typeof servedOptions>;
