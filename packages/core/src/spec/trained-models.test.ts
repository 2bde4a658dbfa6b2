import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ShieldError } from '../errors/index.js';
import { defineModel, type PluginRegistry } from '../plugin/index.js';
import { specRegistry } from '../testing/spec-plugins.js';
import { trainedRun } from '../testing/trained-run.js';
import type { Run } from '../tracking/index.js';
import { writeSafetensors } from '../weights/index.js';
import { loadSpec } from './load-spec.js';

const folder = mkdtempSync(join(tmpdir(), 'shield-trained-'));
const runsFolder = join(folder, 'runs');
afterAll(() => rmSync(folder, { recursive: true }));

let first: Run;
let second: Run;
beforeAll(async () => {
  const metadata = (scale: number) => ({ model: 'small', options: JSON.stringify({ weights: 'bundled', scale }) });
  first = await trainedRun(runsFolder, 'vaccinate-80', metadata(2));
  second = await trainedRun(runsFolder, 'vaccinate-80', metadata(3));
  await trainedRun(runsFolder, 'table');
  const unfinished = await trainedRun(runsFolder, 'unfinished');
  mkdirSync(join(unfinished.path, 'checkpoints'));
  writeFileSync(join(folder, 'mine.safetensors'), writeSafetensors(new Map(), metadata(4)));
  writeFileSync(join(folder, 'nameless.safetensors'), writeSafetensors(new Map(), {}));
});

/** With a network that keeps its weights in files. */
function registry(): PluginRegistry {
  const plugins = specRegistry();
  const small = defineModel({
    name: 'small',
    summary: 'a network with weights',
    options: Type.Object({
      weights: Type.String({ default: 'bundled', description: 'path' }),
      scale: Type.Integer({ default: 1, description: 'width' }),
    }),
    load: () => Promise.reject(new Error('never loaded')),
  });
  plugins.register(small, 'tests');
  return plugins;
}

const model = async (use: string) => {
  const text = `model: ${use}\ndataset: { use: drawings }\n`;
  return (await loadSpec(text, { registry: registry(), runsFolder, baseDir: folder })).resolved.model;
};
const fault = async (use: string): Promise<ShieldError> => {
  const error: unknown = await model(use).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ShieldError);
  return error as ShieldError;
};

describe('models that name trained weights', () => {
  it('take plugin and options from the run: by its id, its ending, or the name of its spec, the newest', async () => {
    expect(await model(`{ use: 'run:${first.id}' }`)).toMatchObject({
      use: 'small',
      scale: 2,
      weights: `run:${first.id}`,
    });
    expect(await model(`{ use: 'run:${first.id.slice(-6)}' }`)).toMatchObject({ scale: 2 });
    expect(await model('{ use: run:vaccinate-80 }')).toMatchObject({ scale: 3, weights: `run:${second.id}` });
  });

  it('keep what is written', async () => {
    expect(await model(`{ use: 'run:${first.id}', scale: 9 }`)).toMatchObject({ scale: 9 });
    expect(await model('{ use: small, weights: run:vaccinate-80 }')).toMatchObject({ use: 'small', scale: 3 });
  });

  it('take a path to such weights, relative to the spec', async () => {
    expect(await model('{ use: mine.safetensors }')).toMatchObject({
      use: 'small',
      scale: 4,
      weights: 'mine.safetensors',
    });
  });

  it('stand under a black-box threat too', async () => {
    const text = `model: { use: small }\ndataset: { use: drawings }\nthreat: { black-box: { model: { use: run:vaccinate-80 } } }\n`;
    const { resolved } = await loadSpec(text, { registry: registry(), runsFolder });
    expect(resolved.threat).toMatchObject({ 'black-box': { model: { use: 'small', scale: 3 } } });
  });

  it.each([
    ['{ use: run:vaccinate-8O }', 'RUN_NOT_FOUND', 'did you mean "vaccinate-80"'],
    ['{ use: small, weights: run:table }', 'RUN_WITHOUT_WEIGHTS', 'it did not train'],
    ['{ use: run:unfinished }', 'RUN_WITHOUT_WEIGHTS', 'its training has not finished'],
    ['{ use: net, weights: run:vaccinate-80 }', 'WEIGHTS_INVALID', 'they are of small, not of net'],
    ['{ use: nameless.safetensors }', 'WEIGHTS_INVALID', 'does not say what network'],
    ['{ use: ./nothing.safetensors }', 'WEIGHTS_INVALID', 'no such file'],
  ])('%s is %s: %s', async (use, code, text) => {
    const error = await fault(use);
    expect([error.code, error.where?.line]).toEqual([code, 1]);
    expect(error.message).toContain(text);
    expect(error.fix).not.toBe('');
  });
});
