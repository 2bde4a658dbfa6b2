import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { createSyncFn } from 'synckit';
import { ShieldError, builtFile, outOfMemory, reasonOf, sizeOf, type LoadContext, type Model } from '@shield/core';
import { dropTape } from '../drop-tape.js';
import { normalization } from '../input-values.js';
import { SERVE, type Question, type Reply } from './python-process.js';
import type { PythonOptions } from './options.js';
import type { Request, Told } from './python-worker.js';

const PROBES = 2;

let blocking: ((request: Request) => Told) | undefined;

/**
 * A network that runs in a Python process. It is asked by a thread of its own, for which this one stops: neither logits nor
 * gradients can be waited for in the middle of an attack's computation.
 *
 * @param options with absolute paths
 * @throws PYTHON_MODEL where the file or the network cannot be used; OUT_OF_MEMORY
 */
export function pythonNetwork(options: PythonOptions, context: LoadContext): Model {
  const { file, size } = options;
  const fault = (reason: string, expected: string, line?: unknown) => {
    const where = typeof line === 'number' ? `${file}:${line}` : file;
    return new ShieldError('PYTHON_MODEL', { where, reason, expected });
  };
  if (context.training) throw fault('a network in Python cannot be trained here', 'train it in Python');
  const source = sourceOf(file, fault);
  context.opened(file, source);
  const process = block({ start: options.python }) as { readonly process: number };
  const ask = (question: Question, values?: Float32Array): Reply => {
    const timeoutMs = 1000 * options.timeout_s;
    const told = block({ ...process, question, ...(values && { values }), timeoutMs });
    if ('fault' in told) throw fault(told.fault, remedyFor(told.fault, options.python));
    if (!('reply' in told)) throw new Error('a reply was expected');
    const { error } = told.reply.head as { error?: { reason: string; line?: number } };
    if (error)
      throw (
        outOfMemory(new Error(error.reason)) ?? fault(error.reason, remedyFor(error.reason, options.python), error.line)
      );
    return told.reply;
  };
  const stop = () => void block({ stop: process.process });
  try {
    context.log(`loading ${file} with ${options.python}`);
    const { function: name, arguments: args, layout, device, threads } = options;
    const { head } = ask({ op: 'load', file, function: name, arguments: args, layout, device, threads });
    const { framework, gradients, digest, sources } = head as unknown as Loaded;
    context.log(`${file}: ${framework}${gradients ? '' : '; it has no gradients'}`);
    const network = passes(ask, gradients, file);
    const normalize = normalization(options);
    const logits = (images: tf.Tensor4D) => tf.tidy(() => network(normalize(images)));
    const probe = tf.fill<tf.Rank.R4>([PROBES, size, size, 3], 0.5);
    let said: tf.Tensor2D | undefined;
    try {
      said = logits(probe);
      const [, classes] = said.shape;
      if (options.class_offset >= classes)
        throw fault(`it knows ${classes} classes`, `set class_offset below ${classes}`);
      return {
        inputSize: { height: size, width: size },
        classes,
        labelOffset: options.class_offset,
        weightsDigest: digestOf(options, [framework, digest, sources, sourceOf(SERVE, fault)]),
        outside: true,
        logits,
        dispose: stop,
      };
    } finally {
      tf.dispose([probe, ...(said ? [said] : [])]);
    }
  } catch (error) {
    stop();
    throw error;
  }
}

/** What Python says of a network when it is loaded. */
interface Loaded {
  readonly framework: string;
  readonly gradients: boolean;
  /** sha256 of its weights; null where it does not know them. */
  readonly digest: string | null;
  /** sha256 of the user's own modules. */
  readonly sources: string;
}

type Ask = (question: Question, values?: Float32Array) => Reply;

/** Forward, and back by what Python kept of it. */
function passes(ask: Ask, gradients: boolean, file: string): (x: tf.Tensor4D) => tf.Tensor2D {
  const forward = (x: tf.Tensor4D, keep: boolean) => {
    const { head, values } = ask({ op: 'logits', shape: x.shape, keep }, x.dataSync() as Float32Array);
    return { logits: tf.tensor2d(values, head['shape'] as [number, number]), number: head['kept'] as number };
  };
  const back = (x: tf.Tensor4D, number: number, dy: tf.Tensor2D): tf.Tensor4D => {
    const question = (of: number): Question => ({ op: 'vjp', number: of, shape: dy.shape });
    const cotangent = dy.dataSync() as Float32Array;
    let reply = ask(question(number), cotangent);
    // So many passes came in between that it was let go of: once more.
    if (reply.head['gone']) {
      const again = forward(x, true);
      again.logits.dispose();
      reply = ask(question(again.number), cotangent);
    }
    const { values } = reply;
    if (values.length !== sizeOf(x.shape)) {
      const reason = `its vjp gives ${values.length} values for images of ${sizeOf(x.shape)}`;
      throw new ShieldError('PYTHON_MODEL', { where: file, reason, expected: 'give a gradient of the shape of the images' }); // prettier-ignore
    }
    return tf.tensor4d(values, x.shape);
  };
  return tf.customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const x = inputs[0] as tf.Tensor4D;
    const save = inputs[1] as tf.GradSaveFunc;
    // Where nobody will go back, nothing needs to be kept for it.
    const { logits, number } = forward(x, gradients && tf.engine().state.gradientDepth > 0);
    save([x]);
    return {
      value: logits,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        if (!gradients) {
          dropTape();
          throw new ShieldError('MODEL_NO_GRADIENT', { path: file, reason: 'what it gives has no vjp(images, dy)' });
        }
        try {
          return back(saved[0] as tf.Tensor4D, number, dy as tf.Tensor2D);
        } catch (error) {
          dropTape();
          throw error;
        }
      },
    };
  }) as unknown as (x: tf.Tensor4D) => tf.Tensor2D;
}

/** sha256 of the file. */
function sourceOf(file: string, fault: (reason: string, expected: string) => ShieldError): string {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch (error) {
    throw fault(reasonOf(error), 'name a Python file that is there');
  }
}

function remedyFor(reason: string, python: string): string {
  if (/ENOENT|EACCES/.test(reason)) return `set python to one that is there: ${python} cannot be started`;
  const missing = /ModuleNotFoundError: No module named '([^']+)'/.exec(reason)?.[1];
  if (missing) return `install ${missing} for ${python}, or set python to one that has it`;
  if (/it ended \(SIGKILL\)/.test(reason))
    return 'where the system was short of memory it kills what takes most: lower batch';
  if (/gave no answer within/.test(reason)) return 'set timeout_s where it is only slow';
  return `mend the file; ${python} by itself tells more`;
}

/** By what Python says of the weights and of the user's modules, and by what asks it there; where it cannot see weights, the file has a `digest` of them. */
function digestOf(options: PythonOptions, loaded: readonly (string | null)[]): string {
  const { function: name, arguments: args, range, mean, std, layout } = options;
  return createHash('sha256')
    .update(JSON.stringify([name, args, range, mean, std, layout, loaded]))
    .digest('hex');
}

function block(request: Request): Told {
  blocking ??= createSyncFn<(request: Request) => Promise<Told>>(
    builtFile(new URL('./python-worker.js', import.meta.url)),
  );
  return blocking(request);
}
