/*
 * A server of the bundled small_cnn over HTTP, for tests: in a process of its own, as those who ask it stop for its answers.
 * It prints its port. TensorFlow Serving's form at /v1/models/small:predict, the Open Inference Protocol's at
 * /v2/models/small/infer; what stands before the path has it misbehave:
 *
 *   /busy/N        the first N requests of a kind are told to come again
 *   /drop/N        the connection of the first N is cut
 *   /slow/MS       each answer comes so late
 *   /say/WHAT      answers with that text
 *   /flood         answers without end
 *   /labels, /logits, /named, /nchw, /png, /token/T, /noise, /moved, /one
 */
import { createServer } from 'node:http';
import sharp from 'sharp';
import * as tf from '@tensorflow/tfjs-core';
import { openBackend } from '../packages/core/dist/index.js';
import { plugins } from '../packages/models/dist/index.js';

const quiet = () => undefined;
await openBackend('cpu', { log: quiet, warn: quiet });
const small = plugins.find(({ name }) => name === 'small_cnn');
const context = {
  resolvePath: (path) => path,
  signal: new AbortController().signal,
  log: quiet,
  warn: quiet,
  opened: quiet,
};
const model = await small.load({ weights: 'bundled', classes: 0 }, context);
const seen = new Map();

const server = createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => void answer(request, Buffer.concat(parts).toString(), response));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));

async function answer({ url, headers, socket, method }, text, response) {
  const [, kind = '', argument = ''] = /^\/(\w+)(?:\/([^/]+))?\/v\d\//.exec(url) ?? [];
  const send = (status, body, more = {}) => response.writeHead(status, more).end(typeof body === 'string' ? body : JSON.stringify(body)); // prettier-ignore
  const count = (seen.get(url) ?? 0) + 1;
  seen.set(url, count);
  if (kind === 'busy' && count <= Number(argument)) return send(503, { error: 'starting' }, { 'retry-after': '0' });
  if (kind === 'drop' && count <= Number(argument)) return socket.destroy();
  if (kind === 'slow') await new Promise((resolve) => setTimeout(resolve, Number(argument)));
  if (kind === 'say') return send(200, decodeURIComponent(argument));
  if (kind === 'flood') {
    const part = Buffer.alloc(1 << 20, '[');
    response.writeHead(200);
    const pour = () => {
      while (!response.destroyed && response.write(part));
    };
    return void pour(response.on('drain', pour));
  }
  if (kind === 'moved') return send(302, '', { location: 'http://elsewhere.example/' });
  if (kind === 'token' && headers.authorization !== `Bearer ${argument}`) return send(401, { error: 'who are you?' });
  if (method === 'GET') {
    if (url.includes('/v1/')) return send(200, { model_version_status: [{ version: '3', state: 'AVAILABLE' }] });
    return send(200, {
      name: 'small',
      versions: ['3'],
      inputs: [{ name: 'pixels', datatype: 'FP32', shape: [-1, 32, 32, 3] }],
    });
  }
  try {
    const body = JSON.parse(text);
    const images = url.includes('/v1/') ? await instances(body, kind) : tensor(body);
    const scores = tf.tidy(() => {
      const logits = model.logits(images);
      const noisy = kind === 'noise' ? tf.add(logits, tf.randomNormal(logits.shape)) : logits;
      return (kind === 'logits' ? noisy : kind === 'labels' ? tf.argMax(noisy, 1) : tf.softmax(noisy)).arraySync();
    });
    images.dispose();
    if (url.includes('/v1/')) {
      const named = (each) => ({ probabilities: each, elapsed: 1 });
      return send(200, { predictions: kind === 'named' ? scores.map(named) : scores });
    }
    const flat = scores.flat();
    const data = kind === 'one' ? flat.slice(1) : flat;
    send(200, {
      model_name: 'small',
      outputs: [{ name: 'scores', datatype: 'FP32', shape: [scores.length, 10], data }],
    });
  } catch (error) {
    send(400, { error: error.message });
  }
}

async function instances({ instances: given }, kind) {
  const values = kind === 'named' ? given.map(({ image }) => image) : given;
  if (kind !== 'png') {
    const images = tf.tensor4d(values);
    return kind === 'nchw' ? tf.tidy(() => tf.transpose(images, [0, 2, 3, 1])) : images;
  }
  const pixels = await Promise.all(values.map(({ b64 }) => sharp(Buffer.from(b64, 'base64')).raw().toBuffer()));
  return tf.tensor4d(
    Float32Array.from(Buffer.concat(pixels), (level) => level / 255),
    [pixels.length, 32, 32, 3],
  );
}

function tensor({ inputs: [{ name, shape, datatype, data }] }) {
  if (name !== 'pixels') throw new Error(`there is no input ${name}`);
  return tf.tensor4d(datatype === 'UINT8' ? data.map((level) => level / 255) : data, shape);
}
