import { createWriteStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { SharedStore } from '@shield/core';
import { storeFailure } from './s3-failure.js';
import type { Leases } from './leases.js';

export interface S3Options {
  /** `s3://bucket/prefix`. */
  readonly artifacts: string;
  /** Of a store that is not Amazon's; empty: Amazon's, or $AWS_ENDPOINT_URL_S3. */
  readonly s3_endpoint: string;
  /** Empty: $AWS_REGION, else us-east-1. */
  readonly s3_region: string;
}

const CONNECT_WITHIN_MS = 5000;
const SILENT_FOR_MS = 60_000;
/** With the waits between them, doubled from 0.1 s: about ten seconds in all. */
const TRIES = 8;
/** A transfer that broke off in the middle is begun again: the client itself tries only requests. */
const TRANSFERS = 3;

/** An S3-compatible bucket. Credentials come as AWS's own programs find them, and stand in no spec and no record. */
export class S3Store implements SharedStore {
  readonly name: string;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;

  constructor(
    options: S3Options,
    private readonly leases: Leases,
  ) {
    const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*?)\/?$/.exec(options.artifacts) ?? [];
    this.#bucket = bucket;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.name = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`;
    // Which versions of Node later releases of the client want is no business of whoever runs a sweep.
    process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
    const endpoint = options.s3_endpoint || undefined;
    this.#client = new S3Client({
      region: options.s3_region || process.env['AWS_REGION'] || 'us-east-1',
      // Servers of one's own know no names of buckets in their host names.
      ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
      maxAttempts: TRIES,
      requestHandler: { connectionTimeout: CONNECT_WITHIN_MS, socketTimeout: SILENT_FOR_MS },
      // What comes back is held to checksums of our own, which not every server has to know.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  async list(folder: string): Promise<ReadonlyMap<string, number>> {
    const files = new Map<string, number>();
    const Prefix = this.#prefix + folder;
    let token: string | undefined;
    do {
      const page = await this.#told('list', folder, () =>
        this.#client.send(
          new ListObjectsV2Command({ Bucket: this.#bucket, Prefix, ...(token ? { ContinuationToken: token } : {}) }),
        ),
      );
      for (const { Key, Size } of page.Contents ?? []) if (Key) files.set(Key.slice(Prefix.length), Size ?? 0);
      token = page.NextContinuationToken;
    } while (token);
    return files;
  }

  async get(name: string, path: string): Promise<void> {
    await this.#told('get', name, async () => {
      for (let transfer = 1; ; transfer++) {
        const { Body } = await this.#client.send(
          new GetObjectCommand({ Bucket: this.#bucket, Key: this.#prefix + name }),
        );
        try {
          return await pipeline(Body as Readable, createWriteStream(path));
        } catch (error) {
          await rm(path, { force: true });
          if (transfer === TRANSFERS) throw error;
        }
      }
    });
  }

  async put(name: string, path: string): Promise<void> {
    // Whole in memory: a stream could not be sent again.
    const Body = await readFile(path);
    await this.#told('put', name, async () => {
      try {
        await this.#client.send(
          new PutObjectCommand({ Bucket: this.#bucket, Key: this.#prefix + name, Body, IfNoneMatch: '*' }),
        );
      } catch (error) {
        // Somebody put the same there, or this very request did and its answer was lost.
        if (statusOf(error) !== 412 && statusOf(error) !== 409) throw error;
      }
    });
  }

  lease(name: string): ReturnType<SharedStore['lease']> {
    return this.leases.take(`${this.name}/${name}`);
  }

  leased(name: string): Promise<boolean> {
    return this.leases.taken(`${this.name}/${name}`);
  }

  async close(): Promise<void> {
    this.#client.destroy();
    await this.leases.close();
  }

  async #told<T>(what: string, name: string, request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      throw storeFailure(error, this.name, `${what} ${name}`);
    }
  }
}

export function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}
