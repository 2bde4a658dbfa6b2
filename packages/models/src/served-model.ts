import { defineModel } from '@shield/core';
import { servedOptions } from './served-model/options.js';

/**
 * A classifier where it is deployed: behind the address of a server. It has no gradients; attacks that need logits or
 * labels only are made on it image by image, as an outsider could.
 */
export default defineModel({
  name: 'served_model',
  summary: 'a classifier where it is deployed, behind its HTTP address; without gradients',
  reference: {
    title: 'TensorFlow Serving: RESTful API; KServe: Open Inference Protocol',
    url: 'https://www.tensorflow.org/tfx/serving/api_rest',
  },
  options: servedOptions,
  load: async (options, context) => {
    const { servedNetwork } = await import('./served-model/served-network.js');
    return servedNetwork(options, context);
  },
});
