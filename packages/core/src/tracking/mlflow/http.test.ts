import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createPlain, type RequestListener } from 'node:http';
import { createServer as createTls } from 'node:https';
import { createServer as createSocket, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MlflowApi } from './api.js';
import { send } from './http.js';
import type { MlflowSettings } from './settings.js';

const folder = mkdtempSync(join(tmpdir(), 'shield-http-'));
afterAll(() => rmSync(folder, { recursive: true }));
let server: Server;
afterEach(() => new Promise((resolve) => server.close(resolve)));

async function listen(made: Server, protocol = 'http'): Promise<MlflowSettings> {
  server = made;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return {
    uri: `${protocol}://127.0.0.1:${port}`,
    experiment: { name: 'e' },
    authorization: 'Bearer t',
    insecureTls: false,
    certificates: undefined,
    timeoutMs: 2000,
    retries: 3,
    backoffMs: 1,
  };
}

/** A server that gives these answers in turn. */
function answers(...statuses: number[]): { handler: RequestListener; seen: string[] } {
  const seen: string[] = [];
  const handler: RequestListener = (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      seen.push(`${request.method} ${request.url} ${request.headers.authorization} ${body}`);
      response.writeHead(statuses[Math.min(seen.length, statuses.length) - 1]!, { 'retry-after': '0' }).end('{"a":1}');
    });
  };
  return { handler, seen };
}

it('what may pass is tried again, with the same body', async () => {
  const { handler, seen } = answers(500, 429, 503, 200);
  const settings = await listen(createPlain(handler));
  const answer = await send(settings, { method: 'POST', path: '/p?q=1', json: { k: 'v' } });
  expect(answer).toEqual({ status: 200, text: '{"a":1}' });
  expect(seen).toEqual(Array(4).fill('POST /p?q=1 Bearer t {"k":"v"}'));
});

it('not more often than set, and then says what the server said', async () => {
  const { handler, seen } = answers(500);
  const settings = await listen(createPlain(handler));
  await expect(send(settings, { method: 'GET', path: '/' })).rejects.toMatchObject({
    code: 'TRACKING_UNREACHABLE',
    params: { reason: 'it answers 500 ({"a":1})' },
  });
  expect(seen).toHaveLength(4);
});

it('other statuses are answers', async () => {
  const { handler, seen } = answers(400);
  expect((await send(await listen(createPlain(handler)), { method: 'GET', path: '/' })).status).toBe(400);
  expect(seen).toHaveLength(1);
});

it('what must not be sent twice is not, unless it cannot have arrived', async () => {
  let connections = 0;
  const settings = await listen(
    createSocket((socket) => {
      connections++;
      socket.once('data', () => socket.destroy());
    }),
  );
  const request = { method: 'POST', path: '/', json: {}, repeatable: false } as const;
  await expect(send(settings, request)).rejects.toMatchObject({ code: 'TRACKING_UNREACHABLE' });
  expect(connections).toBe(1);
});

it('a connection that is half closed, an answer that ends too early: no answer', async () => {
  const settings = await listen(
    createSocket((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"half":'));
    }),
  );
  await expect(send({ ...settings, retries: 1 }, { method: 'GET', path: '/' })).rejects.toMatchObject({
    code: 'TRACKING_UNREACHABLE',
  });
});

it('a file is streamed from the disk, empty ones too', async () => {
  const { handler, seen } = answers(200);
  const settings = await listen(createPlain(handler));
  const path = join(folder, 'file');
  writeFileSync(path, 'all of it, and what was added since');
  await send(settings, { method: 'PUT', path: '/f', file: { path, bytes: 9 } });
  writeFileSync(path, '');
  await send(settings, { method: 'PUT', path: '/e', file: { path, bytes: 0 } });
  expect(seen).toEqual(['PUT /f Bearer t all of it', 'PUT /e Bearer t ']);
});

it('an abort ends the waiting at once, with its reason', async () => {
  const settings = await listen(createPlain(() => undefined));
  const stop = new AbortController();
  const sent = send(settings, { method: 'GET', path: '/' }, stop.signal);
  setTimeout(() => stop.abort(new Error('no time')), 20);
  await expect(sent).rejects.toThrow('no time');
});

describe('answers that are not MLflow’s', () => {
  const answering = (status: number, text: string) =>
    listen(createPlain((_, response) => void response.writeHead(status).end(text)));

  it.each([
    [200, '<!doctype html><title>Welcome</title>', 'TRACKING_UNSUPPORTED'],
    [404, '<h1>Not Found</h1>', 'TRACKING_UNSUPPORTED'],
    [401, 'You are not authenticated', 'TRACKING_REFUSED'],
    [403, 'Invalid Host header', 'TRACKING_REFUSED'],
    [400, '{"error_code":"INVALID_PARAMETER_VALUE","message":"no such thing"}', 'TRACKING_REFUSED'],
  ])('%i %s: %s', async (status, text, code) => {
    const api = new MlflowApi(await answering(status, text));
    const failed = api.experimentByName('e');
    await expect(failed).rejects.toMatchObject({ code });
    await expect(failed).rejects.not.toThrow(/<h1>|undefined/);
  });
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
describe.skipIf(!hasOpenssl)('a certificate that nobody vouches for (skipped without openssl)', () => {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  beforeAll(() => {
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const files = ['-keyout', key, '-out', certificate];
    const { status, stderr } = spawnSync('openssl', [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2'],
      ...subject,
      ...files,
    ]);
    expect(status, String(stderr)).toBe(0);
  });

  it('is refused, unless it is asked for or trusted by name', async () => {
    const { handler } = answers(200);
    const options = { key: readFileSync(key), cert: readFileSync(certificate) };
    const settings = { ...(await listen(createTls(options, handler), 'https')), retries: 0 };
    const request = { method: 'GET', path: '/' } as const;
    await expect(send(settings, request)).rejects.toMatchObject({
      params: { reason: expect.stringContaining('certificate') as string },
    });
    expect((await send({ ...settings, insecureTls: true }, request)).status).toBe(200);
    expect((await send({ ...settings, certificates: options.cert }, request)).status).toBe(200);
  });
});
