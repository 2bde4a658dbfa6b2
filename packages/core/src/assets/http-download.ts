import { createWriteStream } from 'node:fs';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { setTimeout as sleep } from 'node:timers/promises';
import { ShieldError, reasonOf, systemCode, writeError } from '../errors/index.js';

export interface HttpDownloadOptions {
  readonly log: (message: string) => void;
  readonly signal?: AbortSignal;
  /** Sent with every request: credentials, say. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Called as bytes come, with how many are there and how many there will be, where the server says so. */
  readonly onProgress?: (bytes: number, total: number | undefined) => void;
  /** What else can be done where nothing can be fetched, for the errors. */
  readonly otherwise?: string;
  /** Milliseconds before the first new try; doubled for each after it. Default 500. */
  readonly pause?: number;
}

/** Tries in a row that bring nothing new. */
const TRIES = 5;

/** A try that may go better the next time. */
class Interrupted extends Error {}

/**
 * Downloads a file over HTTP. What has come stays beside the target (`.part`) when the connection breaks, also between
 * calls, and is gone on with where the server allows it (RFC 9110, section 14: Range, If-Range).
 *
 * @param target where the whole file will stand; whoever waits on it sees none or all of it
 * @throws DOWNLOAD_FAILED, for a refusal at once, for broken connections and errors of the server after five tries
 * @throws DISK_FULL, WRITE_FAILED
 */
export async function httpDownload(url: string, target: string, options: HttpDownloadOptions): Promise<void> {
  const part = `${target}.part`;
  let reason = '';
  let had = await sizeOf(part);
  for (let idle = 0; idle < TRIES;) {
    try {
      await attempt(url, part, options);
      await rename(part, target);
      await rm(`${part}.tag`, { force: true });
      return;
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      options.signal?.throwIfAborted();
      reason = error.message;
    }
    const now = await sizeOf(part);
    idle = now > had ? 1 : idle + 1;
    had = now;
    if (idle === TRIES) break;
    options.log(`${url}: ${reason}; trying again${now > 0 ? ` from byte ${now}` : ''}`);
    await sleep((options.pause ?? 500) * 2 ** (idle - 1), undefined, options.signal ? { signal: options.signal } : {});
  }
  const kept = had > 0 ? ': what has come is kept and gone on with' : '';
  throw failed(url, reason, `check your connection and run again${kept}`, options);
}

async function attempt(url: string, part: string, options: HttpDownloadOptions): Promise<void> {
  const { signal } = options;
  const start = await sizeOf(part);
  // Without a tag nothing says that the rest belongs to the same file.
  const tag = start > 0 ? await readFile(`${part}.tag`, 'utf8').catch(() => '') : '';
  const headers: Record<string, string> = { ...options.headers, 'accept-encoding': 'identity' };
  if (tag !== '') Object.assign(headers, { range: `bytes=${start}-`, 'if-range': tag });
  let response: Response;
  try {
    response = await fetch(url, { headers, ...(signal && { signal }) });
  } catch (error) {
    signal?.throwIfAborted();
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new Interrupted(reasonOf(cause) || 'no connection');
  }
  if (response.status === 416) {
    await response.body?.cancel();
    await rm(part, { force: true });
    throw new Interrupted('the server has no such part');
  }
  if (response.status >= 500 || response.status === 429) {
    await response.body?.cancel();
    throw new Interrupted(`the server answers ${response.status}`);
  }
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw failed(url, `the server answers ${response.status}`, 'check the address', options);
  }
  const resumed = response.status === 206 && rangeStart(response) === start;
  if (response.status === 206 && !resumed) {
    await response.body.cancel();
    await rm(part, { force: true });
    throw new Interrupted('the server sent another part than was asked for');
  }
  const fresh = strongTag(response);
  if (!resumed)
    await writeFile(`${part}.tag`, fresh).catch((error: unknown) => Promise.reject(writeError(error, part)));
  await receive(response, part, resumed ? start : 0, options);
}

async function receive(
  response: Response,
  part: string,
  from: number,
  { signal, onProgress }: HttpDownloadOptions,
): Promise<void> {
  const length = response.headers.get('content-length');
  const total = length === null ? undefined : from + Number(length);
  const out = createWriteStream(part, { flags: from > 0 ? 'a' : 'w' });
  try {
    const body = Readable.fromWeb(response.body as ReadableStream);
    let bytes = from;
    if (onProgress) body.on('data', (chunk: Uint8Array) => onProgress((bytes += chunk.length), total));
    await (signal ? pipeline(body, out, { signal }) : pipeline(body, out));
  } catch (error) {
    signal?.throwIfAborted();
    if (/^E(NOSPC|DQUOT|ACCES|ROFS|IO|PERM|NOENT)$/.test(systemCode(error) ?? '')) throw writeError(error, part);
    throw new Interrupted('the connection broke off');
  }
  if (length === null) return;
  if ((await sizeOf(part)) !== from + Number(length)) throw new Interrupted('the connection broke off');
}

/** The tag that If-Range takes; a weak one does not say that the bytes are the same. */
function strongTag(response: Response): string {
  const tag = response.headers.get('etag') ?? '';
  return tag.startsWith('W/') ? '' : tag || (response.headers.get('last-modified') ?? '');
}

function rangeStart(response: Response): number | undefined {
  const match = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '');
  return match ? Number(match[1]) : undefined;
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

function failed(url: string, reason: string, fix: string, { otherwise }: HttpDownloadOptions): ShieldError {
  const expected = otherwise === undefined ? fix : `${fix}; ${otherwise}`;
  return new ShieldError('DOWNLOAD_FAILED', { name: url, reason, expected });
}
