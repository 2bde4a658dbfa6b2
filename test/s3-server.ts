import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { cacheDir } from '@shield/core';
import { freePort } from './redis-server.js';

/**
 * The program of moto's server, which speaks S3: `$SHIELD_S3_SERVER`, else the one that `.ci/s3` installs in the cache.
 * Where there is none, tests that want it say so and are skipped.
 */
export function s3Program(): string | undefined {
  const path = process.env['SHIELD_S3_SERVER'] ?? join(cacheDir(), 's3', 'bin', 'moto_server');
  if (existsSync(path)) return path;
  console.warn(`tests with a server that speaks S3 are skipped: there is no ${path} (.ci/s3 installs it)`);
  return undefined;
}

/** What clients find in their environment. */
export const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'tests', AWS_SECRET_ACCESS_KEY: 'not-secret' };

export const BUCKET = 'shield-tests';

/** A server that speaks S3, on a free port, with one empty bucket. */
export class S3Server {
  readonly client: S3Client;

  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {
    const credentials = { accessKeyId: 'tests', secretAccessKey: 'not-secret' };
    this.client = new S3Client({ endpoint: this.url, region: 'us-east-1', forcePathStyle: true, credentials });
  }

  /** @param strict whether it wants credentials that it knows; it knows none */
  static async start(program: string, { strict = false } = {}): Promise<S3Server> {
    const port = await freePort();
    const env = { ...process.env, ...(strict ? { INITIAL_NO_AUTH_ACTION_COUNT: '0' } : {}) };
    const child = spawn(program, ['-H', '127.0.0.1', '-p', String(port)], { env, stdio: 'ignore' });
    const server = new S3Server(child, port);
    const up = () =>
      fetch(`${server.url}/moto-api/data.json`).then(
        ({ ok }) => ok,
        () => false,
      );
    while (!(await up())) {
      if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
      await sleep(50);
    }
    if (!strict) await server.client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The names of what was put there. */
  async names(): Promise<string[]> {
    const names: string[] = [];
    for (let token: string | undefined, first = true; first || token; first = false) {
      const page = await this.client.send(
        new ListObjectsV2Command({ Bucket: BUCKET, ...(token ? { ContinuationToken: token } : {}) }),
      );
      names.push(...(page.Contents ?? []).map(({ Key }) => Key!));
      token = page.NextContinuationToken;
    }
    return names;
  }

  /** As a disk that lies, or a person. */
  async overwrite(name: string, text: string): Promise<void> {
    await this.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: name, Body: text }));
  }

  async remove(name: string): Promise<void> {
    await this.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: name }));
  }

  async end(): Promise<void> {
    this.client.destroy();
    if (this.child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await ended;
  }
}
