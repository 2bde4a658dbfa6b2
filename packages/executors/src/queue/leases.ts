import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { StoreLease } from '@shield/core';
import { PREFIX } from './redis.js';

/** A holder that is gone, or stands still, keeps a name for so long; what is computed twice then is the same. */
const LEASE_MS = 30_000;
const RENEW_EVERY_MS = 10_000;

/** Only who holds the name may prolong or give up: in one step, as Redis runs a script. */
const RENEW = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0`;
const GIVE_UP = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`;

/** Names that one process of all machines has at a time, kept in the Redis that the queue is in. */
export class Leases {
  constructor(private readonly redis: Redis) {}

  /** @returns undefined where another has it */
  async take(name: string): Promise<StoreLease | undefined> {
    const [key, token] = [keyOf(name), randomUUID()];
    // A Redis that is away gives none.
    const taken = await this.redis.set(key, token, 'PX', LEASE_MS, 'NX').catch(() => null);
    if (taken !== 'OK') return undefined;
    const renewing = setInterval(() => {
      this.redis.eval(RENEW, 1, key, token, LEASE_MS).catch(() => undefined);
    }, RENEW_EVERY_MS).unref();
    return {
      release: async () => {
        clearInterval(renewing);
        // One that cannot be given up lapses.
        await this.redis.eval(GIVE_UP, 1, key, token).catch(() => undefined);
      },
    };
  }

  async taken(name: string): Promise<boolean> {
    return (await this.redis.exists(keyOf(name)).catch(() => 1)) === 1;
  }

  close(): Promise<void> {
    this.redis.disconnect();
    return Promise.resolve();
  }
}

function keyOf(name: string): string {
  return `${PREFIX}:lease:${name}`;
}
