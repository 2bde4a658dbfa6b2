import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { AnswerError, readAnswer, requestBody, shown, type Names, type Protocol, type Sent } from './messages.js';

/** How a server is asked; plain data, as it crosses to a worker. */
export interface Server extends Names {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly protocol: Protocol;
  readonly send: Sent;
  /** Images a request. */
  readonly batch: number;
  /** Requests at a time. */
  readonly parallel: number;
  readonly timeoutMs: number;
  /** How often a request is made again that failed in a way that may pass. */
  readonly retries: number;
}

/** Images for a server. */
export interface Question {
  readonly server: Server;
  /** [h, w, 3] or [3, h, w]. */
  readonly shape: readonly number[];
  /** [n, …shape]: what the network takes, or levels 0 to 255 where those are sent. */
  readonly values: Float32Array;
}

/** Errors lose their class on the way out of a worker. */
export type Told<T> =
  { readonly value: T } | { readonly fault: { readonly reason: string; readonly expected: string } };

export interface Scores {
  /** [n, width]. */
  readonly values: Float32Array;
  readonly width: number;
}

class Fault extends Error {
  constructor(
    reason: string,
    readonly expected: string,
    /** Milliseconds to wait before it is tried again; undefined: it would fail again. */
    readonly again?: number,
  ) {
    super(reason);
  }
}

const LONGEST_WAIT_MS = 60_000;
const LONGEST_ANSWER = 2 ** 28;
/** Too many requests, and what gateways say while a server starts or is replaced. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

/** What the server says of each image, in the images' order. */
export function ask({ server, shape, values }: Question): Promise<Told<Scores>> {
  return told(async () => {
    const size = shape.reduce((product, side) => product * side, 1);
    const count = values.length / size;
    const parts = new Array<Scores>(Math.ceil(count / server.batch));
    let next = 0;
    const work = async () => {
      while (next < parts.length) {
        const part = next++;
        const from = part * server.batch;
        const images = Array.from({ length: Math.min(server.batch, count - from) }, (_, i) =>
          values.subarray((from + i) * size, (from + i + 1) * size),
        );
        parts[part] = await askBatch(server, shape, images);
      }
    };
    await Promise.all(Array.from({ length: Math.min(server.parallel, parts.length) }, work));
    const { width } = parts[0]!;
    if (parts.some((part) => part.width !== width)) throw new Fault('its answers have different lengths', ONE_NETWORK);
    const all = new Float32Array(count * width);
    for (const [i, part] of parts.entries()) all.set(part.values, i * server.batch * width);
    return { values: all, width };
  });
}

/** The names of a model's inputs, and its version where it is told: GET of an Open Inference model's own address. */
export function askMetadata(server: Server, address: string): Promise<Told<unknown>> {
  return told(() => exchange(server, address));
}

const ONE_NETWORK = 'name an address that one network answers at';

async function told<T>(work: () => Promise<T>): Promise<Told<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    if (error instanceof Fault) return { fault: { reason: error.message, expected: error.expected } };
    throw error;
  }
}

async function askBatch(server: Server, shape: readonly number[], images: readonly Float32Array[]): Promise<Scores> {
  const sent = server.send === 'png' ? await Promise.all(images.map((image) => png(image, shape))) : images;
  const body = await exchange(
    server,
    server.url,
    requestBody(server.protocol, server.send, { shape, images: sent }, server),
  );
  try {
    return readAnswer(server.protocol, body, images.length, server);
  } catch (error) {
    if (!(error instanceof AnswerError)) throw error;
    throw new Fault(`its answer cannot be used: ${error.message}`, 'check protocol, input, output and layout');
  }
}

async function png(levels: Float32Array, shape: readonly number[]): Promise<string> {
  const [height, width] = shape as [number, number, number];
  const file = sharp(Uint8Array.from(levels), { raw: { width, height, channels: 3 } }).png({ compressionLevel: 3 });
  return (await file.toBuffer()).toString('base64');
}

/** The JSON that it answers; tried again where what went wrong may pass. @throws Fault */
async function exchange(server: Server, address: string, body?: string): Promise<unknown> {
  for (let tried = 0; ; tried++) {
    try {
      return await exchangeOnce(server, address, body);
    } catch (error) {
      if (!(error instanceof Fault) || error.again === undefined || tried >= server.retries) throw error;
      await sleep(Math.max(error.again, 250 * 2 ** tried));
    }
  }
}

async function exchangeOnce({ headers, timeoutMs }: Server, address: string, body?: string): Promise<unknown> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(address, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        accept: 'application/json',
        ...headers,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body }),
      signal: AbortSignal.timeout(timeoutMs),
      // An address that asks for a password may stand elsewhere; the token is for this one.
      redirect: 'manual',
    });
    text = await readText(response);
  } catch (error) {
    if (error instanceof Fault) throw error;
    if (error instanceof Error && error.name === 'TimeoutError') {
      throw new Fault(`no answer within ${timeoutMs / 1000} s`, 'set timeout_s, or a smaller batch', 0);
    }
    const { cause } = error as { cause?: { code?: string; message?: string } };
    const reason = cause?.code ?? cause?.message ?? (error as Error).message;
    throw new Fault(`no connection (${reason})`, 'check that the server runs and that url is its address', 0);
  }
  const { status } = response;
  if (status === 401 || status === 403) {
    throw new Fault(`it refuses the request (${status})`, 'token_env names the environment variable with its token');
  }
  if (status >= 300 && status < 400) {
    throw new Fault(`it sends the request elsewhere (${status})`, `set url to ${response.headers.get('location') ?? 'that address'}`); // prettier-ignore
  }
  if (status !== 200) {
    const again = PASSING.has(status) ? waitFor(response) : undefined;
    throw new Fault(`it answers ${status}: ${shown(text)}`, 'check url, protocol, size, layout and input', again);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Fault(`its answer is no JSON: ${shown(text)}`, 'check url and protocol');
  }
}

/** As text, no longer than may be. @throws Fault */
async function readText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    parts.push(part);
    length += part.length;
    if (length > LONGEST_ANSWER) throw new Fault(`its answer is longer than ${LONGEST_ANSWER >> 20} MiB`, ONE_NETWORK);
  }
  return Buffer.concat(parts).toString();
}

/** What Retry-After asks for, in milliseconds: seconds or a date (RFC 9110, section 10.2.3). */
function waitFor(response: Response): number {
  const asked = response.headers.get('retry-after');
  if (asked === null) return 0;
  const ms = /^\d+$/.test(asked) ? 1000 * Number(asked) : Date.parse(asked) - Date.now();
  return Number.isFinite(ms) ? Math.min(LONGEST_WAIT_MS, Math.max(0, ms)) : 0;
}
