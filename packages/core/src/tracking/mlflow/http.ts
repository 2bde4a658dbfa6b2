import { randomInt } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { request as plainRequest, type IncomingMessage } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ShieldError, reasonOf, systemCode } from '../../errors/index.js';
import type { MlflowSettings } from './settings.js';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** From the server's root, its query included. */
  readonly path: string;
  /** Sent as JSON. */
  readonly json?: object;
  /** Sent as it is. */
  readonly file?: { readonly path: string; readonly bytes: number } | Buffer;
  /** Whether it may be sent again when nobody knows whether it arrived; default true. */
  readonly repeatable?: boolean;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** As MLflow's own client: what a later try can put right. */
const PASSING = new Set([408, 429, 500, 502, 503, 504]);
const LONGEST_WAIT_MS = 30_000;
const LARGEST_ANSWER = 64 << 20;

/**
 * One request, tried again while the fault may pass: no connection, a connection that breaks, no answer in time, and
 * the statuses 408, 429, 500, 502, 503, 504. Waits double, with a random part, or are what `Retry-After` asks for.
 *
 * @throws TRACKING_UNREACHABLE when the last try failed too; the signal's reason when it is aborted
 */
export async function send(settings: MlflowSettings, request: HttpRequest, signal?: AbortSignal): Promise<HttpAnswer> {
  for (let tries = 0; ; tries++) {
    signal?.throwIfAborted();
    let reason: string;
    let wait = settings.backoffMs * 2 ** tries * (1 + randomInt(1000) / 1000);
    let refused = false;
    try {
      const { answer, retryAfter } = await once(settings, request, signal);
      if (!PASSING.has(answer.status)) return answer;
      reason = `it answers ${answer.status}${firstLine(answer.text)}`;
      if (retryAfter !== undefined) wait = retryAfter;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ShieldError) throw error;
      const code = systemCode(error);
      // An address with several numbers (IPv4 and IPv6) fails with an error that says nothing itself.
      reason = reasonOf(error) || (code ?? 'no connection');
      refused = code === 'ECONNREFUSED';
    }
    const mayRepeat = request.repeatable !== false || refused;
    if (tries >= settings.retries || !mayRepeat) {
      throw new ShieldError('TRACKING_UNREACHABLE', { uri: settings.uri, reason });
    }
    await sleep(Math.min(wait, LONGEST_WAIT_MS), undefined, signal ? { signal } : {});
  }
}

async function once(
  settings: MlflowSettings,
  { method, path, json, file }: HttpRequest,
  signal: AbortSignal | undefined,
): Promise<{ answer: HttpAnswer; retryAfter: number | undefined }> {
  const url = new URL(settings.uri + path);
  const body = json === undefined ? (Buffer.isBuffer(file) ? file : undefined) : Buffer.from(JSON.stringify(json));
  const bytes = body?.length ?? (file && !Buffer.isBuffer(file) ? file.bytes : undefined);
  const timeout = AbortSignal.timeout(settings.timeoutMs);
  const options = {
    method,
    headers: {
      accept: 'application/json',
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...(file === undefined ? {} : { 'content-type': 'application/octet-stream' }),
      ...(bytes === undefined ? {} : { 'content-length': String(bytes) }),
      ...(settings.authorization === undefined ? {} : { authorization: settings.authorization }),
    },
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    ...(settings.insecureTls ? { rejectUnauthorized: false } : {}),
    ...(settings.certificates ? { ca: settings.certificates } : {}),
  };
  const outgoing = url.protocol === 'https:' ? tlsRequest(url, options) : plainRequest(url, options);
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve);
    outgoing.on('error', reject);
    // A connection closed before an answer, without an error of its own.
    outgoing.on('close', () => reject(new Error('the connection was closed')));
  });
  // When the body cannot be sent, that error is the one to tell.
  answered.catch(() => undefined);
  try {
    if (file && !Buffer.isBuffer(file)) {
      await pipeline(createReadStream(file.path, { end: Math.max(0, file.bytes - 1) }), outgoing);
    } else outgoing.end(body);
    const response = await answered;
    return {
      answer: { status: response.statusCode ?? 0, text: await readText(response) },
      retryAfter: after(response),
    };
  } catch (error) {
    if (timeout.aborted) throw new Error(`no answer within ${settings.timeoutMs / 1000} s`, { cause: error });
    throw error;
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LARGEST_ANSWER) throw new Error('its answer is too long');
    chunks.push(chunk);
  }
  if (!response.complete) throw new Error('the connection broke off in the middle of the answer');
  return Buffer.concat(chunks).toString('utf8');
}

function after({ headers }: IncomingMessage): number | undefined {
  const seconds = Number(headers['retry-after']);
  return headers['retry-after'] !== undefined && seconds >= 0 ? 1000 * seconds : undefined;
}

function firstLine(text: string): string {
  const line = text.trim().split('\n', 1)[0]?.slice(0, 200);
  return line ? ` (${line})` : '';
}
