import { Type, type Static } from '@sinclair/typebox';
import { classOffset, inputValues } from '../input-values.js';

export const pythonOptions = Type.Object(
  {
    file: Type.String({ minLength: 1, description: 'path of a Python file with a function that gives the network' }),
    function: Type.String({
      default: 'load',
      pattern: '^[A-Za-z_]\\w*$',
      description:
        'that function. It gives a torch.nn.Module, a Keras or TensorFlow model, or an object with logits(images) and, ' +
        'for gradients, vjp(images, dy), over numpy arrays',
    }),
    arguments: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]), {
      default: {},
      description: 'what it is called with, by name: { arch: resnet50 } calls load(arch="resnet50")',
    }),
    python: Type.String({
      default: 'python3',
      minLength: 1,
      description: 'the Python that has its packages: a name on the PATH, or the path of one, as that of a virtual environment', // prettier-ignore
    }),
    size: Type.Integer({ minimum: 1, maximum: 4096, description: 'height and width of the input, in pixels' }),
    layout: Type.Union([Type.Literal('nchw'), Type.Literal('nhwc')], {
      default: 'nchw',
      description: 'order of the axes that it takes: channels before height, as in PyTorch, or last',
    }),
    ...inputValues,
    class_offset: classOffset,
    device: Type.String({
      default: 'auto',
      minLength: 1,
      description: 'of PyTorch: cpu, cuda, cuda:1, mps; auto: cuda where there is one',
    }),
    threads: Type.Integer({ default: 0, minimum: 0, maximum: 1024, description: 'that it computes with; 0: its own choice' }), // prettier-ignore
    timeout_s: Type.Number({
      default: 600,
      exclusiveMinimum: 0,
      maximum: 86_400,
      description: 'seconds after which a pass, or loading it, counts as hung',
    }),
  },
  { additionalProperties: false },
);
export type PythonOptions = Static<typeof pythonOptions>;
