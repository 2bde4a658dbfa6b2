import { Worker } from 'node:worker_threads';

/**
 * Runs as it stands here, in TypeScript's sources as in what is built of them. One buffer: a stream's would pile up.
 * It begins within a page: where the memory that is copied to begins as little as 16 bytes further into its page than
 * the file's, as large arrays do, some processors (AMD's with FSRM) copy at a sixth of their speed.
 */
const HASH = `
  const { createHash } = require('node:crypto');
  const { closeSync, openSync, readSync } = require('node:fs');
  const { parentPort } = require('node:worker_threads');
  const chunk = Buffer.allocUnsafeSlow((1 << 18) + 2048).subarray(2048);
  createHash('sha256').update(chunk.fill(0)).digest(); // what is done once is done before a file is waited for
  parentPort.on('message', (path) => {
    try {
      const hash = createHash('sha256');
      const file = openSync(path, 'r');
      try {
        for (let length; (length = readSync(file, chunk)) > 0; ) hash.update(chunk.subarray(0, length));
      } finally {
        closeSync(file);
      }
      parentPort.postMessage({ sha256: hash.digest('hex') });
    } catch (error) {
      parentPort.postMessage({ error: error.message });
    }
  });
`;

/** The thread ends when it had nothing to do for so long. */
const IDLE_MS = 10_000;

interface Job {
  readonly path: string;
  readonly resolve: (sha256: string) => void;
  readonly reject: (error: Error) => void;
}

/** A thread that hashes one file after the other, in the order that they were asked for. */
class Hasher {
  readonly #worker = new Worker(HASH, { eval: true });
  readonly #jobs: Job[] = [];
  #idle: NodeJS.Timeout | undefined;

  constructor(private readonly ended: () => void) {
    this.#worker.on('message', ({ sha256, error }: { sha256?: string; error?: string }) => {
      const job = this.#jobs.shift()!;
      if (this.#jobs.length === 0) this.#rest();
      if (sha256 === undefined) job.reject(new Error(error));
      else job.resolve(sha256);
    });
    this.#worker.on('error', (error: Error) => this.#end(() => error));
    this.#worker.on('exit', () => this.#end(({ path }) => new Error(`${path} was not hashed`)));
    this.#rest();
  }

  hash(path: string): Promise<string> {
    clearTimeout(this.#idle);
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#jobs.push({ path, resolve, reject });
      this.#worker.postMessage(path);
    });
  }

  /** Nobody waits for it: neither does the process. */
  #rest(): void {
    this.#worker.unref();
    this.#idle = setTimeout(() => {
      this.ended();
      void this.#worker.terminate();
    }, IDLE_MS).unref();
  }

  #end(error: (job: Job) => Error): void {
    clearTimeout(this.#idle);
    this.ended();
    for (const job of this.#jobs.splice(0)) job.reject(error(job));
  }
}

let hasher: Hasher | undefined;

function running(): Hasher {
  if (hasher) return hasher;
  const started: Hasher = new Hasher(() => {
    if (hasher === started) hasher = undefined;
  });
  return (hasher = started);
}

/** Starts the thread for {@link backgroundSha256} ahead of the first file: to start takes as long as hashing 50 MB. */
export function prepareSha256(): void {
  running();
}

/** The sha256 of a file, in hex, computed by a thread of its own while this one goes on. @throws Error where it cannot be read */
export function backgroundSha256(path: string): Promise<string> {
  return running().hash(path);
}
