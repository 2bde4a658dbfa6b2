import { Redis } from 'ioredis';
import { ShieldError, reasonOf } from '@shield/core';
import type { S3Options } from './s3-store.js';

export interface QueueOptions extends S3Options {
  readonly queue: string;
  /** Empty: of the environment. */
  readonly redis: string;
  /** Seconds. */
  readonly lock: number;
  /** Seconds; 0 for no end. */
  readonly patience: number;
}

/** Keys in Redis begin so. */
export const PREFIX = 'shield';

/** Reconnects for ever, at most so far apart. */
const LONGEST_RETRY_MS = 2000;
const CONNECT_WITHIN_MS = 5000;

/** What BullMQ and ioredis both take. */
export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: object;
  readonly connectTimeout: number;
  readonly maxRetriesPerRequest: null;
  readonly retryStrategy: (times: number) => number;
}

export interface Address {
  /** For messages: without credentials. */
  readonly name: string;
  readonly options: Connection;
}

/** @throws EXECUTOR_UNUSABLE where the address is none */
export function redisAddress({ redis }: QueueOptions): Address {
  const text = redis || process.env['SHIELD_REDIS_URL'] || 'redis://127.0.0.1:6379';
  let url: URL;
  try {
    url = new URL(text);
    if (!/^rediss?:$/.test(url.protocol)) throw new Error('it does not begin with redis://');
  } catch (error) {
    throw new ShieldError('EXECUTOR_UNUSABLE', {
      name: 'bullmq',
      reason: `the address of Redis cannot be read: ${reasonOf(error)}`,
      expected: 'write redis://host:port, under execution.redis or in SHIELD_REDIS_URL',
    });
  }
  const username = process.env['SHIELD_REDIS_USERNAME'] || decodeURIComponent(url.username);
  const password = process.env['SHIELD_REDIS_PASSWORD'] || decodeURIComponent(url.password);
  const db = Number(url.pathname.slice(1) || 0);
  const port = Number(url.port || 6379);
  return {
    name: `${url.protocol}//${url.hostname}:${port}${db ? `/${db}` : ''}`,
    options: {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port,
      db,
      ...(username ? { username } : {}),
      ...(password ? { password } : {}),
      ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
      connectTimeout: CONNECT_WITHIN_MS,
      // BullMQ asks for it: a command waits for Redis to come back.
      maxRetriesPerRequest: null,
      retryStrategy: (times) => Math.min(LONGEST_RETRY_MS, 50 * times),
    },
  };
}

/**
 * Asks Redis once, before anything is queued.
 *
 * @throws EXECUTOR_UNREACHABLE; EXECUTOR_REFUSED where it wants other credentials
 */
export async function checkRedis({ name, options }: Address): Promise<void> {
  const redis = new Redis({ ...options, lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  let seen: Error | undefined;
  redis.on('error', (error: Error) => (seen ??= error));
  try {
    await redis.connect();
    await redis.ping();
  } catch (error) {
    throw failure(name, seen ?? error, Boolean(options.password));
  } finally {
    redis.disconnect();
  }
}

function failure(name: string, error: unknown, hasPassword: boolean): ShieldError {
  const reason = reasonOf(error);
  if (/NOAUTH|WRONGPASS|NOPERM|AUTH/.test(reason)) {
    const what = hasPassword ? 'it does not take the password that was given' : 'it wants a password';
    const expected = 'set SHIELD_REDIS_PASSWORD (and SHIELD_REDIS_USERNAME, where there are users)';
    const params = { name: 'bullmq', reason: `${name}: ${what}`, expected };
    return new ShieldError('EXECUTOR_REFUSED', params, { cause: error });
  }
  const expected = 'start Redis there, or name another: execution.redis, SHIELD_REDIS_URL. Nothing was run';
  const params = { name: 'bullmq', reason: `${name}: ${reason || 'no connection'}`, expected };
  return new ShieldError('EXECUTOR_UNREACHABLE', params, { cause: error });
}

/** A connection that outlives failures of Redis; `lost` is told once for each of them, `back` when it is over. */
export function connect(
  { options }: Address,
  { lost, back }: { readonly lost: (reason: string) => void; readonly back: () => void },
): Redis {
  const redis = new Redis(options);
  let away = false;
  redis.on('error', (error: Error) => {
    if (!away) lost(error.message);
    away = true;
  });
  redis.on('ready', () => {
    if (away) back();
    away = false;
  });
  return redis;
}

/** Where the work of a sweep stands, which its jobs name. */
export function workKey(queue: string, id: string): string {
  return `${PREFIX}:${queue}:work:${id}`;
}

/** The channel on which jobs are told to stop, by their ids. */
export function stopChannel(queue: string): string {
  return `${PREFIX}:${queue}:stop`;
}
