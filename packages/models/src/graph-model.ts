import { defineModel } from '@shield/core';
import { Type } from '@sinclair/typebox';
import { classOffset, inputValues } from './input-values.js';

/**
 * A TensorFlow.js graph model: what `tensorflowjs_converter --output_format=tfjs_graph_model` makes of a SavedModel, a
 * frozen graph or a TensorFlow Hub module. It is run op by op by @tensorflow/tfjs-converter, with the gradients that
 * tfjs has for these ops; where one has none, attacks that need gradients are refused with its name.
 */
export default defineModel({
  name: 'graph_model',
  summary: 'a network of your own as a TensorFlow.js graph model: model.json and its shards',
  reference: {
    title: 'TensorFlow.js: importing a TensorFlow model',
    url: 'https://www.tensorflow.org/js/tutorials/conversion/import_saved_model',
  },
  options: Type.Object(
    {
      path: Type.String({ minLength: 1, description: 'path of model.json, or of the folder that it stands in' }),
      size: Type.Integer({
        default: 0,
        minimum: 0,
        maximum: 4096,
        description: 'height and width of the input, in pixels; 0: those that the graph has',
      }),
      ...inputValues,
      class_offset: classOffset,
      input: Type.String({
        default: '',
        description: 'node that takes the images; empty: the only placeholder of the graph',
      }),
      output: Type.String({
        default: '',
        description:
          'node that gives the logits; empty: the only output of the graph, and where that is a softmax, what goes into it',
      }),
    },
    { additionalProperties: false },
  ),
  load: async (options, context) => {
    const [{ readGraphModel }, { graphNetwork }] = await Promise.all([
      import('./graph-model/read-graph-model.js'),
      import('./graph-model/graph-network.js'),
    ]);
    return graphNetwork(await readGraphModel(context.resolvePath(options.path), context), options, context);
  },
});
