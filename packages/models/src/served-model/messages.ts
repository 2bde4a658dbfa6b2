/*
 * What servers are sent and what they answer, in JSON.
 *
 * `instances`: TensorFlow Serving's REST API (https://www.tensorflow.org/tfx/serving/api_rest, row format), which MLflow's
 * scoring server, Vertex AI and SageMaker speak too.
 * `open_inference`: the Open Inference Protocol (KServe's V2; https://github.com/kserve/open-inference-protocol), spoken by
 * Triton, MLServer, TorchServe and OpenVINO's server.
 */

export type Protocol = 'instances' | 'open_inference';
export type Sent = 'float32' | 'uint8' | 'png';

/** A batch of images as they are sent. */
export interface Batch {
  /** Of one image: [h, w, 3] or [3, h, w]. */
  readonly shape: readonly number[];
  /** Image by image, row by row; or, where these are sent, PNG files in base64. */
  readonly images: readonly Float32Array[] | readonly string[];
}

export interface Names {
  /** Empty: the server's only one. */
  readonly input: string;
  readonly output: string;
}

/** An answer that does not say what it should; the message says what is wrong with it. */
export class AnswerError extends Error {}

/** The body of a request. */
export function requestBody(protocol: Protocol, sent: Sent, batch: Batch, { input, output }: Names): string {
  const { shape, images } = batch;
  if (protocol === 'instances') {
    const each = images.map((image) => {
      const value = typeof image === 'string' ? `{"b64":"${image}"}` : nested(image, shape);
      return input === '' ? value : `{${JSON.stringify(input)}:${value}}`;
    });
    return `{"instances":[${each.join(',')}]}`;
  }
  const tensor = { name: input, shape: [images.length, ...shape], datatype: sent === 'uint8' ? 'UINT8' : 'FP32' };
  const data = images.map((image) => Array.from(image as Float32Array, written).join(',')).join(',');
  const outputs = output === '' ? '' : `,"outputs":[{"name":${JSON.stringify(output)}}]`;
  return `{"inputs":[${JSON.stringify(tensor).slice(0, -1)},"data":[${data}]}]${outputs}}`;
}

/** As few digits as tell a float32 from all others. */
function written(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(9);
}

function nested(values: Float32Array, shape: readonly number[]): string {
  const [, middle, last] = shape as [number, number, number];
  const rows: string[] = [];
  for (let at = 0; at < values.length; at += middle * last) {
    const row: string[] = [];
    for (let i = at; i < at + middle * last; i += last) {
      row.push(`[${Array.from(values.subarray(i, i + last), written).join(',')}]`);
    }
    rows.push(`[${row.join(',')}]`);
  }
  return `[${rows.join(',')}]`;
}

/**
 * The numbers of an answer for `images` images: [images, width], flat; a label is one number.
 *
 * @throws AnswerError
 */
export function readAnswer(
  protocol: Protocol,
  body: unknown,
  images: number,
  { output }: Names,
): { readonly values: Float32Array; readonly width: number } {
  const rows = protocol === 'instances' ? readPredictions(body, images, output) : readOutputs(body, images, output);
  const width = rows[0]!.length;
  if (width === 0 || rows.some((row) => row.length !== width)) {
    throw new AnswerError(`images have answers of different lengths: ${rows.map(({ length }) => length).join(', ')}`);
  }
  const values = new Float32Array(images * width);
  for (const [i, row] of rows.entries()) values.set(row, i * width);
  return { values, width };
}

function readPredictions(body: unknown, images: number, output: string): number[][] {
  const predictions = (body as { predictions?: unknown } | null)?.predictions;
  if (!Array.isArray(predictions)) throw new AnswerError(`it has no list of "predictions": ${shown(body)}`);
  if (predictions.length !== images) {
    throw new AnswerError(`it has ${predictions.length} predictions for ${images} images`);
  }
  return predictions.map((each: unknown) => {
    if (typeof each !== 'object' || each === null || Array.isArray(each)) return numbers(each);
    const names = Object.keys(each);
    const name = output === '' && names.length === 1 ? names[0]! : output;
    if (!names.includes(name)) throw new AnswerError(`its predictions have ${names.join(', ')}; output names one`);
    return numbers((each as Record<string, unknown>)[name]);
  });
}

function readOutputs(body: unknown, images: number, output: string): number[][] {
  const outputs = (body as { outputs?: unknown } | null)?.outputs;
  if (!Array.isArray(outputs)) throw new AnswerError(`it has no list of "outputs": ${shown(body)}`);
  const named = outputs as readonly { name?: string; data?: unknown }[];
  const found = output === '' && named.length === 1 ? named[0] : named.find(({ name }) => name === output);
  if (!found) throw new AnswerError(`it has the outputs ${named.map(({ name }) => name).join(', ')}; output names one`);
  const all = numbers(found.data);
  if (all.length === 0 || all.length % images !== 0) {
    throw new AnswerError(`it has ${all.length} values for ${images} images`);
  }
  const width = all.length / images;
  return Array.from({ length: images }, (_, i) => all.slice(i * width, (i + 1) * width));
}

/** A number, or lists of them however deep. @throws AnswerError */
function numbers(value: unknown): number[] {
  const flat: unknown[] = Array.isArray(value) ? (value.flat(Infinity) as unknown[]) : [value];
  for (const each of flat) if (typeof each !== 'number') throw new AnswerError(`${shown(each)} is no number`);
  return flat as number[];
}

/** The beginning of what was answered, for a message. */
export function shown(body: unknown): string {
  const text = typeof body === 'string' ? body : (JSON.stringify(body) ?? String(body));
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
