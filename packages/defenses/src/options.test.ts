import { Type } from '@sinclair/typebox';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { PluginRegistry, ShieldError, ShieldErrors, defineDataset, defineModel, loadSpec } from '@shield/core';
import { projectRoot } from '@shield/core/testing';
import { expect, it } from 'vitest';
import { plugins } from './index.js';

const nothing = Type.Object({}, { additionalProperties: false });
const never = () => Promise.reject(new Error('only specs are read here'));
const net = defineModel({ name: 'net', summary: 'never loaded', options: nothing, load: never });
const drawings = defineDataset({ name: 'drawings', summary: 'never opened', options: nothing, open: never });

const configs = join(projectRoot(), 'configs');
function load(spec: string) {
  const registry = new PluginRegistry();
  for (const plugin of [net, drawings, ...plugins]) registry.register(plugin, 'test');
  const text = `${spec}\nmodel: { use: net }\ndataset: { use: drawings }\nperform: [defend]\n`;
  return loadSpec(text, { registry, configDirs: [configs] });
}

async function codes(spec: string): Promise<string[]> {
  try {
    await load(spec);
  } catch (error) {
    if (error instanceof ShieldErrors) return error.errors.map(({ code }) => code);
    if (error instanceof ShieldError) return [error.code];
    throw error;
  }
  return [];
}

it.each([
  'avif, quality: 0',
  'avif, effort: 10',
  'avif, subsampling: "4:1:1"',
  'bit_depth, bits: 0',
  'bit_depth, bits: 9',
  'gaussian_blur, sigma: 0',
  'gaussian_blur, truncate: 0',
  'jpeg, quality: 0',
  'jpeg, quality: 101',
  'jpeg, quality: 7.5',
  'median_filter, size: 0',
  'median_filter, size: 2.5',
  'median_filter, across_channels: 3',
  'non_local_means, strength: 0',
  'jpeg, codec: sharp, idct: ifast',
  'non_local_means, search: 0',
  'non_local_means, search: 4',
  'random_crop_ensemble, crop: 0',
  'random_crop_ensemble, crop: 1.1',
  'resize_pad, smallest: 0',
  'resize_pad, smallest: 1.5',
  'resize_pad, fill: 2',
  'resize_pad, interpolation: lanczos',
  'slq, qualities: []',
  'slq, qualities: [0]',
  'slq, patch: 0',
  'slq, weights: [0.5, 0.5]',
  'slq, weights: [0.3, 0.3, 0.3, 0.3]',
  'slq, offset: [8, 0]',
  'slq, codec: sharp, subsampling: "4:2:2"',
  'tv_bregman, weight: 0',
  'tv_bregman, eps: 0',
  'tv_bregman, max_iter: 0',
  'tv_bregman, stop: never',
  'tvm, drop: 1',
  'tvm, drop: -0.1',
  'tvm, lambda_tv: -1',
  'tvm, norm: 3',
  'webp, quality: 101',
])('{ use: %s } is refused', async (use) => {
  expect(await codes(`defense: { use: ${use} }`)).toEqual(['SPEC_INVALID_VALUE']);
});

it('an option that there is not is refused by every defense', async () => {
  for (const { name } of plugins)
    expect(await codes(`defense: { use: ${name}, qualty: 3 }`)).toEqual(['SPEC_UNKNOWN_KEY']);
});

it('every defense has a config to compose with, which says what it is named', async () => {
  const files = readdirSync(join(configs, 'defense')).map((file) => basename(file, '.yaml'));
  for (const { name } of plugins) {
    expect(files).toContain(name);
    const { resolved } = await load(`defaults: [defense/${name}]`);
    expect(Object.values(resolved.defenses)).toEqual([expect.objectContaining({ use: name })]);
  }
});
