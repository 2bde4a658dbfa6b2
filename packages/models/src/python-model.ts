import { defineModel } from '@shield/core';
import { pythonOptions } from './python-model/options.js';

/**
 * A network that lives in Python, as most do: PyTorch, Keras or TensorFlow, or anything that answers in numpy arrays. It
 * runs in a Python process of its own, on its own device, and is attacked here with its own gradients.
 */
export default defineModel({
  name: 'python_model',
  summary: 'a network of your own in Python (PyTorch, Keras, TensorFlow, numpy), with its gradients',
  reference: {
    title: 'torch.nn.Module',
    url: 'https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html',
  },
  options: pythonOptions,
  load: async (options, context) => {
    const { pythonNetwork } = await import('./python-model/python-network.js');
    // A path, as that of the file, is meant from the spec's folder; a name is looked for on the PATH.
    const python = /[\\/]/.test(options.python) ? context.resolvePath(options.python) : options.python;
    return pythonNetwork({ ...options, python, file: context.resolvePath(options.file) }, context);
  },
});
