import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { openBackend, type Model } from '@shield/core';
import { drawnPixels, modelConformance, projectRoot } from '@shield/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import servedModel from './served-model.js';
import smallCnn from './small-cnn.js';
import { testContext } from './testing/load-context.js';

const DEFAULTS = {
  protocol: 'instances',
  size: 32,
  send: 'float32',
  layout: 'nhwc',
  range: [0, 1],
  mean: [0],
  std: [1],
  gives: 'probabilities',
  classes: 0,
  class_offset: 0,
  input: '',
  output: '',
  version: '',
  token_env: '',
  token_header: 'Authorization',
  batch: 8,
  parallel: 2,
  timeout_s: 20,
  retries: 3,
} as const;
type Options = Parameters<typeof servedModel.load>[0];

let server: ChildProcess;
let base: string;
/** A port that nobody listens at. */
let free: number;
let small: Model;
beforeAll(async () => {
  server = spawn(process.execPath, [join(projectRoot(), 'test', 'model-server.js')], { stdio: ['ignore', 'pipe', 'inherit'] }); // prettier-ignore
  const [port] = (await once(server.stdout!, 'data')) as [Buffer];
  base = `http://127.0.0.1:${String(port).trim()}`;
  const unused = createServer().listen(0, '127.0.0.1');
  await once(unused, 'listening');
  free = (unused.address() as AddressInfo).port;
  unused.close();
  await openBackend('cpu', { log: () => undefined, warn: () => undefined });
  small = await smallCnn.load({ weights: 'bundled', classes: 0 }, testContext());
});
afterAll(() => {
  small.dispose();
  server.kill();
});

const V1 = '/v1/models/small:predict';
const V2 = '/v2/models/small/infer';
const load = (path: string, options: Partial<Options> = {}, context = testContext()) =>
  servedModel.load({ ...DEFAULTS, url: base + path, ...options }, context);

/** Photos of 8 bits, so that files of them hold all of it. */
function images(count: number): tf.Tensor4D {
  const pixels = drawnPixels(count, { height: 32, width: 32 }).map((value) => Math.round(255 * value) / 255);
  return tf.tensor4d(pixels, [count, 32, 32, 3]);
}

/** What it says of some images, and what the network does by itself, as log-probabilities. */
function both(model: Model, count = 11): [Float32Array, Float32Array] {
  return [model, small].map((each) => tf.tidy(() => tf.logSoftmax(each.logits(images(count))).dataSync())) as [
    Float32Array,
    Float32Array,
  ];
}

function expectClose([found, wanted]: [Float32Array, Float32Array]): void {
  expect(found).toHaveLength(wanted.length);
  for (const [i, value] of wanted.entries()) expect(Math.abs(found[i]! - value)).toBeLessThan(1e-3 + 1e-4 * Math.abs(value)); // prettier-ignore
}

describe('a network behind an address', () => {
  it.each([
    ['as TensorFlow Serving has it', V1, {}],
    ['an image a request, four at a time', V1, { batch: 1, parallel: 4 }],
    ['as logits', `/logits${V1}`, { gives: 'logits' }],
    ['by names', `/named${V1}`, { input: 'image', output: 'probabilities' }],
    ['with channels first', `/nchw${V1}`, { layout: 'nchw' }],
    ['as files', `/png${V1}`, { send: 'png' }],
    ['as the Open Inference Protocol has it', V2, { protocol: 'open_inference' }],
    ['of 8 bits', V2, { protocol: 'open_inference', send: 'uint8', input: 'pixels', output: 'scores' }],
    ['that comes back after it was busy', `/busy/2${V1}`, {}],
    ['whose connection was cut', `/drop/2${V1}`, {}],
  ] as const)('answers as the network itself: %s', async (_, path, options) => {
    const model = await load(path, options);
    expect([model.classes, model.inputSize, model.labelOffset]).toEqual([10, { height: 32, width: 32 }, 0]);
    expectClose(both(model));
  });

  it('may give labels only', async () => {
    const model = await load(`/labels${V1}`, { gives: 'labels', classes: 10 });
    const [found, wanted] = [model, small].map((each) =>
      tf.tidy(() => tf.argMax(each.logits(images(9)), 1).dataSync()),
    );
    expect(found).toEqual(wanted);
    await expect(load(`/labels${V1}`, { gives: 'labels' })).rejects.toThrow(/how many classes/);
  });

  it('is shown a token that is nowhere on record', async () => {
    process.env['SERVED_TEST_TOKEN'] = 'sesame';
    const context = testContext();
    const model = await load(`/token/sesame${V1}`, { token_env: 'SERVED_TEST_TOKEN' }, context);
    expectClose(both(model, 2));
    expect(JSON.stringify([model, context.said])).not.toContain('sesame"');
    await expect(load(`/token/other${V1}`, { token_env: 'SERVED_TEST_TOKEN' })).rejects.toMatchObject({
      code: 'MODEL_SERVER',
      fix: 'token_env names the environment variable with its token',
    });
    delete process.env['SERVED_TEST_TOKEN'];
    await expect(load(V1, { token_env: 'SERVED_TEST_TOKEN' })).rejects.toThrow(/SERVED_TEST_TOKEN is not set/);
  });

  it('is another one for the artifacts when its version, its answers or what it is sent are others', async () => {
    const digest = async (path: string, options: Partial<Options> = {}) => (await load(path, options)).weightsDigest;
    expect(await digest(V1)).toBe(await digest(V1));
    const digests = [await digest(V1), await digest(V1, { version: '2' }), await digest(V1, { send: 'uint8', range: [0, 1] }), await digest(V1, { mean: [0.5] }), await digest(V2, { protocol: 'open_inference' })]; // prettier-ignore
    expect(new Set(digests).size).toBe(digests.length);
  });

  it('says where its answers differ from one time to the next', async () => {
    const context = testContext();
    await load(`/noise${V1}`, {}, context);
    expect(context.said.join()).toMatch(/other answers the next time/);
  });

  it.each([
    ['no server', 'http://127.0.0.1:FREE/v1', {}, /no connection \(ECONNREFUSED\)/],
    ['a password', 'http://me:secret@127.0.0.1:9/v1', {}, /url holds a password/],
    ['no answer in time', `/slow/2000${V1}`, { timeout_s: 0.2, retries: 1 }, /no answer within 0.2 s/],
    ['busy for good', `/busy/99${V1}`, { retries: 1 }, /it answers 503: \{"error":"starting"\}/],
    ['a page of the web', `/say/%3Chtml%3E${V1}`, {}, /is no JSON: <html>/],
    ['something else', `/say/%7B%7D${V1}`, {}, /has no list of "predictions": \{\}/],
    ['no probabilities', `/logits${V1}`, {}, /is no probability/],
    ['other numbers', V1, { classes: 3 }, /gives 10 probabilities an image, not 3/],
    ['the wrong layout', V1, { layout: 'nchw' }, /it answers 400/],
    ['numbers missing', `/one${V2}`, { protocol: 'open_inference' }, /39 values for 4 images/],
    ['no address', 'http://[', {}, /this is no address/],
    ['no end', `/flood${V1}`, { retries: 0 }, /longer than 256 MiB/],
    ['another address', `/moved${V1}`, {}, /sends the request elsewhere \(302\)/],
    ['no model of the protocol', V1, { protocol: 'open_inference' }, /has 0 inputs/],
    ['files in numbers', V2, { protocol: 'open_inference', send: 'png' }, /files go with protocol: instances/],
  ] as const)('is refused with what is wrong: %s', async (_, path, options, message) => {
    const asked = path.startsWith('http') ? servedModel.load({ ...DEFAULTS, retries: 0, ...options, url: path.replace('FREE', String(free)) }, testContext()) : load(path, options); // prettier-ignore
    await expect(asked).rejects.toMatchObject({
      code: 'MODEL_SERVER',
      message: expect.stringMatching(message) as string,
    });
    await expect(asked).rejects.not.toThrow(/secret/);
  });

  it('ends with what happened where the server goes away in the middle', async () => {
    const own = spawn(process.execPath, [join(projectRoot(), 'test', 'model-server.js')], { stdio: ['ignore', 'pipe', 'inherit'] }); // prettier-ignore
    const [port] = (await once(own.stdout, 'data')) as [Buffer];
    const url = `http://127.0.0.1:${String(port).trim()}${V1}`;
    const model = await servedModel.load({ ...DEFAULTS, url, retries: 1 }, testContext());
    own.kill('SIGKILL');
    await once(own, 'exit');
    expect(() => tf.tidy(() => model.logits(images(1)))).toThrow(/no connection/);
  });
});

describe('conformance', () => {
  const settings = { gradients: false, options: { url: 'http://127.0.0.1:9/v1', size: 32 }, load: () => load(V1) };
  for (const { name, run } of modelConformance(servedModel, settings)) it(name, run);
});
