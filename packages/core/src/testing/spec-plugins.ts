import { Type } from '@sinclair/typebox';
import { defineAttack, defineDataset, defineDefense, defineModel } from '../plugin/define.js';
import { PluginRegistry } from '../plugin/registry.js';

/*
 * Plugins with options of every kind that schemas have, for tests of specs. They are never run.
 */

const unused = () => Promise.reject(new Error('a plugin of the tests of specs was run'));

const push = defineAttack({
  name: 'push',
  aliases: ['shove'],
  summary: 'an attack with options of many kinds',
  norm: 'l2',
  targeted: true,
  needs: 'gradients',
  random: false,
  options: Type.Object({
    confidence: Type.Number({ minimum: 0, default: 0, description: 'margin of logits (κ)' }),
    learning_rate: Type.Number({ exclusiveMinimum: 0, default: 0.01, description: 'step size of the optimizer' }),
    max_iterations: Type.Integer({ minimum: 1, maximum: 10_000, default: 100, description: 'gradient steps' }),
    abort_early: Type.Boolean({ default: true, description: 'whether it stops when nothing improves' }),
  }),
  cost: () => ({ forwards: 1, gradients: 1 }),
  run: unused,
});

const sign = defineAttack({
  name: 'sign',
  summary: 'an attack with one option',
  norm: 'linf',
  targeted: false,
  needs: 'gradients',
  random: false,
  options: Type.Object({
    eps: Type.Number({
      exclusiveMinimum: 0,
      maximum: 255,
      default: 8,
      description: 'step size, in 0-255 pixel levels',
    }),
  }),
  cost: () => ({ forwards: 1, gradients: 1 }),
  run: unused,
});

const blocks = defineDefense({
  name: 'blocks',
  summary: 'a defense with a list',
  takes: 'bytes',
  random: true,
  gradient: 'straight-through',
  options: Type.Object({
    qualities: Type.Array(Type.Integer({ minimum: 1, maximum: 100 }), {
      minItems: 1,
      default: [20, 40, 60, 80],
      description: 'JPEG qualities, 1 to 100',
    }),
    sampling: Type.Union([Type.Literal('4:2:0'), Type.Literal('4:4:4')], {
      default: '4:2:0',
      description: 'chroma subsampling',
    }),
    workers: Type.Integer({ minimum: 0, default: 0, description: 'threads', affectsResult: false }),
  }),
  apply: unused,
});

const round = defineDefense({
  name: 'round',
  summary: 'a defense without options',
  takes: 'bytes',
  random: false,
  gradient: 'straight-through',
  options: Type.Object({}),
  apply: unused,
});

const net = defineModel({
  name: 'net',
  aliases: ['resnet_50_v2'],
  summary: 'a model with an option',
  options: Type.Object({
    width: Type.Integer({ minimum: 1, default: 16, description: 'channels of the first layer' }),
  }),
  load: unused,
});

const other = defineModel({
  name: 'other_net',
  summary: 'another model',
  options: Type.Object({ depth: Type.Integer({ minimum: 1, default: 3, description: 'blocks' }) }),
  load: unused,
});

const folder = defineDataset({
  name: 'folder',
  summary: 'a dataset with an option that must be given',
  options: Type.Object({
    path: Type.String({ minLength: 1, description: 'folder with one folder of images a class' }),
  }),
  open: unused,
});

const drawings = defineDataset({
  name: 'drawings',
  summary: 'a dataset without options',
  options: Type.Object({}),
  open: unused,
});

/** A registry with plugins of every kind; a new one each time. */
export function specRegistry(): PluginRegistry {
  const registry = new PluginRegistry();
  for (const plugin of [push, sign, blocks, round, net, other, folder, drawings]) registry.register(plugin, 'tests');
  return registry;
}
