import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, truncate, writeFile, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from 'tar';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ShieldError } from '../errors/index.js';
import type { UrlSource } from '../plugin/contracts.js';
import { MUTATIONS } from '../testing/mutations.js';
import { AssetCache } from './asset-cache.js';
import { extractTarMember } from './tar-member.js';
import { urlAsset } from './url-asset.js';

type Handler = (request: IncomingMessage, response: ServerResponse, attempt: number) => void;

let folder: string;
let archive: Buffer;
let handler: Handler;
let requests: IncomingMessage[];
const weights = randomBytes(300_000);
const sha256 = createHash('sha256').update(weights).digest('hex');
const server = createServer((request, response) => {
  requests.push(request);
  handler(request, response, requests.length);
});
const before = { cache: process.env['SHIELD_CACHE'], url: process.env['SHIELD_WEIGHTS_URL'] };
const said: string[] = [];
const quick = { log: (message: string) => void said.push(message), pause: 1 };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shield-url-'));
  await mkdir(join(folder, 'packed'));
  await writeFile(join(folder, 'packed', 'net.ckpt'), weights);
  await writeFile(join(folder, 'packed', 'eval.graph'), 'a graph');
  await create({ gzip: true, file: join(folder, 'net.tar.gz'), cwd: folder }, ['packed']);
  archive = await readFile(join(folder, 'net.tar.gz'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.env['SHIELD_WEIGHTS_URL'] = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models`;
});
beforeEach(async () => {
  process.env['SHIELD_CACHE'] = await mkdtemp(join(folder, 'cache-'));
  requests = [];
  said.length = 0;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  for (const [name, value] of [
    ['SHIELD_CACHE', before.cache],
    ['SHIELD_WEIGHTS_URL', before.url],
  ] as const)
    // prettier-ignore
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  await rm(folder, { recursive: true, force: true });
});

const source = (more: Partial<UrlSource> = {}): UrlSource => ({
  kind: 'url',
  base: 'http://nowhere.invalid/',
  archive: 'net.tar.gz',
  member: 'net.ckpt',
  ...more,
});

/** Sends the archive, or the part that is asked for, with its tag. */
function send(request: IncomingMessage, response: ServerResponse, body = archive, tag = '"one"'): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? NaN);
  if (Number.isNaN(start) || request.headers['if-range'] !== tag) {
    response.writeHead(200, { 'content-length': body.length, etag: tag }).end(body);
    return;
  }
  const range = `bytes ${start}-${body.length - 1}/${body.length}`;
  response.writeHead(206, { 'content-range': range, 'content-length': body.length - start, etag: tag });
  response.end(body.subarray(start));
}

/** Promises the whole and breaks off. */
function cut(request: IncomingMessage, response: ServerResponse, bytes: number, tag = '"one"'): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const headers = { 'content-length': archive.length - start, etag: tag };
  if (start === 0) response.writeHead(200, headers);
  else
    response.writeHead(206, { ...headers, 'content-range': `bytes ${start}-${archive.length - 1}/${archive.length}` });
  response.write(archive.subarray(start, start + bytes), () => setTimeout(() => response.destroy(), 30));
}

/** `toEqual` takes a second for so many bytes. */
const same = (bytes: Buffer) => bytes.equals(weights);

const filesBelow = async () =>
  (await readdir(process.env['SHIELD_CACHE']!, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();

async function refused(promise: Promise<unknown>): Promise<ShieldError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ShieldError);
  return error as ShieldError;
}

it('fetches, unpacks, keeps and checks', async () => {
  handler = (request, response) => send(request, response);
  const cache = new AssetCache({ log: quick.log });
  const path = await cache.file(source({ sha256 }));
  expect(same(await readFile(path))).toBe(true);
  expect(await filesBelow()).toEqual(['net.ckpt', 'net.ckpt.sha256']);
  expect(requests.map(({ url }) => url)).toEqual(['/models/net.tar.gz']);
  await cache.file(source({ sha256 }));
  expect(requests).toHaveLength(1);
  await truncate(path, 1000);
  expect(same(await readFile(await cache.file(source({ sha256 }))))).toBe(true);
  expect(requests).toHaveLength(2);
});

it('goes on where the connection broke off, however often', async () => {
  handler = (request, response, attempt) => (attempt < 8 ? cut(request, response, 30_000) : send(request, response));
  expect(same(await readFile(await urlAsset(source(), quick)))).toBe(true);
  expect(requests).toHaveLength(8);
  const starts = requests.slice(1).map(({ headers }) => Number(/\d+/.exec(headers.range ?? '')![0]));
  expect(starts).toEqual([...starts].sort((a, b) => a - b));
  expect(starts[0]).toBeGreaterThan(0);
  expect(said.join('\n')).toContain(`trying again from byte ${starts[0]}`);
});

it('goes on in the next call with what came in the last', async () => {
  handler = (request, response, attempt) =>
    attempt === 1 ? cut(request, response, 50_000) : void response.writeHead(503).end();
  const error = await refused(urlAsset(source(), quick));
  expect(error.message).toMatch(/net\.tar\.gz could not be downloaded: the server answers 503/);
  expect(await filesBelow()).toEqual(['net.tar.gz.part', 'net.tar.gz.part.tag']);
  requests = [];
  handler = (request, response) => send(request, response);
  expect(same(await readFile(await urlAsset(source(), quick)))).toBe(true);
  expect(requests[0]!.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
  expect(await filesBelow()).toEqual(['net.ckpt', 'net.ckpt.sha256']);
});

it('begins anew where the server takes no ranges, or the file has changed', async () => {
  handler = (request, response, attempt) =>
    attempt === 1 ? cut(request, response, 50_000, '"old"') : send(request, response);
  expect(same(await readFile(await urlAsset(source(), quick)))).toBe(true);
  expect(requests).toHaveLength(2);
  process.env['SHIELD_CACHE'] = await mkdtemp(join(folder, 'cache-'));
  requests = [];
  // A server without tags: nothing says that the rest is of the same file.
  handler = (request, response, attempt) => {
    if (attempt === 1) cut(request, response, 50_000, '');
    else response.writeHead(200, { 'content-length': archive.length }).end(archive);
  };
  expect(same(await readFile(await urlAsset(source(), quick)))).toBe(true);
  expect(requests[1]!.headers.range).toBeUndefined();
});

it('asks again after 500, not after 404', async () => {
  handler = (request, response, attempt) =>
    attempt < 4 ? void response.writeHead(500).end('oops') : send(request, response);
  await urlAsset(source(), quick);
  expect(requests).toHaveLength(4);
  requests = [];
  handler = (_, response) => void response.writeHead(404).end('not here');
  const error = await refused(urlAsset(source({ archive: 'other.tar.gz' }), quick));
  expect([error.code, requests.length]).toEqual(['DOWNLOAD_FAILED', 1]);
  expect(error.message).toContain('the server answers 404');
  expect(error.fix).toContain('--from');
});

it('keeps nothing of a page that is no archive, of a cut archive, of other weights', async () => {
  handler = (_, response) => void response.writeHead(200).end('<html>please log in</html>');
  expect((await refused(urlAsset(source(), quick))).message).toMatch(/the archive is damaged|holds no file/);
  handler = (_, response) => void response.writeHead(200).end(archive.subarray(0, 100_000));
  expect((await refused(urlAsset(source(), quick))).code).toBe('DOWNLOAD_FAILED');
  handler = (request, response) => send(request, response);
  expect((await refused(urlAsset(source({ sha256: '0'.repeat(64) }), quick))).code).toBe('CHECKSUM_MISMATCH');
  expect((await refused(urlAsset(source({ member: 'nothing.ckpt' }), quick))).message).toContain(
    'no file nothing.ckpt',
  );
  expect(await filesBelow()).toEqual([]);
});

it('stops when it is told to', async () => {
  const stop = new AbortController();
  handler = (_, response) => {
    response.writeHead(200, { 'content-length': 1e6 }).write(Buffer.alloc(1000));
    setTimeout(() => stop.abort(), 50);
  };
  await expect(urlAsset(source(), { ...quick, signal: stop.signal })).rejects.toThrow(/abort/i);
});

it('takes a copy at hand: the archive, or the file itself', async () => {
  for (const from of [join(folder, 'net.tar.gz'), join(folder, 'packed', 'net.ckpt')]) {
    expect(same(await readFile(await urlAsset(source({ sha256 }), { ...quick, from })))).toBe(true);
  }
  expect(requests).toEqual([]);
  const error = await refused(urlAsset(source(), { ...quick, from: join(folder, 'nothing.ckpt') }));
  expect(error.message).toContain('nothing.ckpt could not be downloaded');
});

it('writes nothing that an archive wants elsewhere, and follows no link', async () => {
  const inside = join(folder, 'hostile');
  await mkdir(inside);
  const file = join(folder, 'escaping.tar');
  await writeFile(join(folder, 'outside.txt'), 'as it was');
  await writeFile(join(folder, 'net.ckpt'), 'through a path with dots');
  await create({ file, cwd: inside, preservePaths: true }, ['../outside.txt', '../net.ckpt']);
  const target = join(inside, 'target');
  await extractTarMember(file, 'net.ckpt', target);
  expect(await readFile(target, 'utf8')).toBe('through a path with dots');
  expect((await readdir(inside)).sort()).toEqual(['target']);
  await rm(target);
  await symlink(join(folder, 'outside.txt'), join(inside, 'net.ckpt'));
  await create({ file, cwd: inside }, ['net.ckpt']);
  await expect(extractTarMember(file, 'net.ckpt', target)).rejects.toThrow(/holds no file net\.ckpt/);
  expect(await readFile(join(folder, 'outside.txt'), 'utf8')).toBe('as it was');
});

it('unpacks no bomb, and leaves nothing of it', async () => {
  const [inside, bomb] = [join(folder, 'bomb'), join(folder, 'bomb.tar.gz')];
  await mkdir(inside);
  await writeFile(join(inside, 'net.ckpt'), Buffer.alloc(8 << 20));
  await create({ file: bomb, cwd: inside, gzip: true }, ['net.ckpt']);
  expect((await stat(bomb)).size).toBeLessThan(1 << 14);
  const target = join(folder, 'bomb-target');
  const error = await refused(extractTarMember(bomb, 'net.ckpt', target, 1 << 20));
  expect(error.message).toContain(`${bomb} could not be downloaded: it is larger than any checkpoint`);
  expect(await readdir(folder)).not.toContain('bomb-target');
});

it('reads damaged archives to a clear error, or to the right file', async () => {
  const damaged = join(folder, 'damaged.tar.gz');
  const target = join(folder, 'damaged-target');
  let refusals = 0;
  for (let i = 0; i < MUTATIONS; i++) {
    const bytes = i % 4 === 0 ? archive.subarray(0, (i * 7919) % archive.length) : Buffer.from(archive);
    if (i % 4 > 0) bytes[(i * i * 104_729) % (i % 4 === 1 ? 64 : bytes.length)]! ^= 1 << (i % 8);
    await writeFile(damaged, bytes);
    const sum = await extractTarMember(damaged, 'net.ckpt', target).catch((error: unknown) => error);
    if (sum instanceof Error) {
      expect(sum).toMatchObject({ code: 'DOWNLOAD_FAILED' });
      refusals++;
    } else expect(sum).toBe(sha256);
  }
  expect(refusals).toBeGreaterThan(20);
});
