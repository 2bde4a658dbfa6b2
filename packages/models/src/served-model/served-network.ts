import { createHash } from 'node:crypto';
import * as tf from '@tensorflow/tfjs-core';
import { createSyncFn } from 'synckit';
import { ShieldError, builtFile, type LoadContext, type Model } from '@shield/core';
import { inTidy } from '../in-tidy.js';
import { normalization } from '../input-values.js';
import { refusing } from '../no-gradient.js';
import type { Request } from './ask-worker.js';
import type { Scores, Told } from './ask.js';
import type { ServedOptions } from './options.js';
import { addressOf, identified, serverOf, type FaultOf } from './server.js';

/** Probabilities that a server rounds to zero: the smallest normal float32. */
const SMALLEST = 2 ** -126;
const PROBES = 4;

let blocking: ((request: Request) => Told<unknown>) | undefined;

/**
 * A network that a server runs. It is asked by a thread of its own, for which this one stops: logits cannot be waited for
 * in the middle of an attack's computation.
 *
 * @throws MODEL_SERVER where it cannot be reached or does not answer as expected
 */
export function servedNetwork(options: ServedOptions, context: LoadContext): Model {
  const { size, gives, layout } = options;
  const name = addressOf(options.url);
  const fault = (reason: string, expected: string) => new ShieldError('MODEL_SERVER', { url: name, reason, expected });
  if (context.training) throw fault('a network that is served cannot be trained', 'train a network that is written here'); // prettier-ignore
  if (options.send === 'png' && (options.protocol !== 'instances' || layout !== 'nhwc')) {
    throw fault('files go with protocol: instances and layout: nhwc only', 'set send to float32 or uint8');
  }
  const asked = <T>(request: Request): T => {
    const answer = block(request) as Told<T>;
    if ('fault' in answer) throw fault(answer.fault.reason, answer.fault.expected);
    return answer.value;
  };
  const { server, version } = identified(serverOf(options, fault), (at, from) => asked({ server: from, metadata: at }), fault); // prettier-ignore
  const values = valuesOf(options);
  const shape = layout === 'nhwc' ? [size, size, 3] : [3, size, size];
  const scores = (images: tf.Tensor4D): Scores => {
    const sent = inTidy(() => values(images).dataSync() as Float32Array);
    return asked<Scores>({ server, shape, values: sent });
  };

  const probe = tf.tensor4d(
    Float32Array.from({ length: PROBES * size * size * 3 }, (_, k) => ((k + 1) * 0.6180339887498949) % 1),
    [PROBES, size, size, 3],
  );
  let first: Scores;
  let second: Scores;
  try {
    [first, second] = [scores(probe), scores(probe)];
  } finally {
    probe.dispose();
  }
  const classes = classesOf(first, options, fault);
  if (differ(first, second)) {
    context.warn(`${name} gives the same images other answers the next time: results are not to be had again`);
  }
  const forward = (images: tf.Tensor4D): tf.Tensor2D => {
    const { values: said, width } = scores(images);
    const [rows] = images.shape;
    if (gives === 'labels') return tf.tensor2d(oneHot(said, classes, fault), [rows, classes]);
    if (width !== classes) throw fault(`it gave ${classes} ${gives} an image and now gives ${width}`, 'ask one network only'); // prettier-ignore
    return tf.tensor2d(gives === 'logits' ? said : said.map((p) => Math.log(Math.max(p, SMALLEST))), [rows, classes]);
  };
  const logits = refusing(forward, name, 'a server gives none');
  return {
    inputSize: { height: size, width: size },
    classes,
    labelOffset: options.class_offset,
    weightsDigest: digestOf(options, version, first, classes),
    outside: true,
    logits: (images) => tf.tidy(() => logits(images)),
    dispose: () => undefined,
  };
}

/** Images in [0, 1] to what is sent. */
function valuesOf(options: ServedOptions): (images: tf.Tensor4D) => tf.Tensor4D {
  const normalize = normalization(options);
  return (images) => {
    // Levels of 8 bits, as a photo has them on its way to the server.
    const levels = () => tf.round<tf.Tensor4D>(tf.mul<tf.Tensor4D>(tf.clipByValue<tf.Tensor4D>(images, 0, 1), 255));
    const values = options.send === 'float32' ? normalize(images) : levels();
    return options.layout === 'nhwc' ? values : tf.transpose<tf.Tensor4D>(values, [0, 3, 1, 2]);
  };
}

function classesOf({ values, width }: Scores, { gives, classes, class_offset }: ServedOptions, fault: FaultOf): number {
  if (gives === 'labels') {
    if (width !== 1) throw fault(`it gives ${width} numbers an image, not one label`, 'set gives to probabilities or logits'); // prettier-ignore
    if (classes < 2) throw fault('labels do not tell how many classes there are', 'set classes to their number');
    oneHot(values, classes, fault);
    return classes;
  }
  if (width < 2) throw fault('it gives one number an image', 'set gives: labels and classes');
  if (classes !== 0 && classes !== width) throw fault(`it gives ${width} ${gives} an image, not ${classes}`, 'set classes to 0, or check output'); // prettier-ignore
  if (class_offset >= width) throw fault(`it knows ${width} classes`, `set class_offset below ${width}`);
  const odd = values.find((p) => !(p >= 0 && p <= 1));
  if (gives === 'probabilities' && odd !== undefined) throw fault(`${odd} is no probability`, 'set gives: logits');
  return width;
}

/** A label as logits: 1 for that class. */
function oneHot(labels: Float32Array, classes: number, fault: FaultOf): Float32Array {
  const out = new Float32Array(labels.length * classes);
  for (const [i, label] of labels.entries()) {
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw fault(`its label ${label} is none of ${classes} classes`, 'set classes');
    }
    out[i * classes + label] = 1;
  }
  return out;
}

/** Beyond what another order of sums makes. */
function differ(a: Scores, b: Scores): boolean {
  return a.width !== b.width || a.values.some((value, i) => Math.abs(value - b.values[i]!) > 1e-3 * Math.max(1, Math.abs(value))); // prettier-ignore
}

/**
 * Names the network behind the address: what the user and the server call its version, and what it says of a few drawn
 * images, coarsely, so that another machine's rounding does not make it another.
 */
function digestOf(options: ServedOptions, version: string, { values, width }: Scores, classes: number): string {
  const { url, protocol, send, layout, range, mean, std, gives, input, output, version: called } = options;
  const answers = Array.from({ length: values.length / width }, (_, i) => {
    const row = values.subarray(i * width, (i + 1) * width);
    const best = row.indexOf(Math.max(...row));
    return [best, row[best]!.toPrecision(2)];
  });
  const how = [addressOf(url), protocol, send, layout, range, mean, std, gives, input, output, classes];
  return createHash('sha256')
    .update(JSON.stringify([how, called, version, answers]))
    .digest('hex');
}

function block(request: Request): Told<unknown> {
  blocking ??= createSyncFn<(request: Request) => Promise<Told<unknown>>>(
    builtFile(new URL('./ask-worker.js', import.meta.url)),
  );
  return blocking(request);
}
