import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ByteImage } from '../plugin/contracts.js';
import { decodeJpeg } from './decode-jpeg.js';
import type { InverseDct } from './inverse-dct.js';

export interface DecodeRequest {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly idct: InverseDct;
  readonly mostPixels: number;
}

export type DecodeAnswer =
  { readonly number: number; readonly image: ByteImage } | { readonly number: number; readonly reason: string };

const THREAD = new URL('../../dist/jpeg/decode-thread.js', import.meta.url);

/** JavaScript's own thread, which hands the files out and resizes what comes back, keeps no more of them busy. */
const MOST_THREADS = 4;

/** So many files are decoded here first: to start threads takes as long. */
const HERE_FIRST = 64;

let decoded = 0;
let threads: DecodeThread[] | undefined;

/**
 * Does what decodeJpeg does, on threads of their own, as many as there are cores: files that are asked for at once are
 * decoded beside each other, and while this thread computes. With one core, and of the first files of a process, here.
 *
 * @throws Error as decodeJpeg does
 */
export async function decodeJpegAside(bytes: Uint8Array, idct: InverseDct, mostPixels: number): Promise<ByteImage> {
  if (decoded++ < HERE_FIRST) return decodeJpeg(bytes, idct, mostPixels);
  threads ??= startThreads();
  const [first, ...others] = threads;
  if (!first) return decodeJpeg(bytes, idct, mostPixels);
  const idlest = others.reduce((least, each) => (each.waiting < least.waiting ? each : least), first);
  return idlest.decode(bytes, idct, mostPixels);
}

function startThreads(): DecodeThread[] {
  const count = Math.min(availableParallelism(), MOST_THREADS);
  if (count < 2 || !existsSync(THREAD)) return [];
  return Array.from({ length: count }, () => new DecodeThread());
}

interface Waiting {
  readonly resolve: (image: ByteImage) => void;
  readonly reject: (error: Error) => void;
}

class DecodeThread {
  // Not with the options of this process, which may be about its own script.
  readonly #worker = new Worker(THREAD, { execArgv: [] });
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;

  constructor() {
    this.#worker.on('message', (answer: DecodeAnswer) => {
      const { resolve, reject } = this.#waiting.get(answer.number)!;
      this.#waiting.delete(answer.number);
      if (this.#waiting.size === 0) this.#worker.unref();
      if ('image' in answer) resolve(answer.image);
      else reject(new Error(answer.reason));
    });
    this.#worker.on('error', (error) => this.#lost(error));
    this.#worker.on('exit', (code) => this.#lost(new Error(`the thread that decodes left with code ${code}`)));
    // A process whose work is done ends. Not before: to listen for messages holds it again.
    this.#worker.unref();
  }

  /** Files that it has not answered yet. */
  get waiting(): number {
    return this.#waiting.size;
  }

  decode(bytes: Uint8Array, idct: InverseDct, mostPixels: number): Promise<ByteImage> {
    return new Promise((resolve, reject) => {
      const number = this.#asked++;
      this.#waiting.set(number, { resolve, reject });
      this.#worker.ref();
      // A copy of its own, which is handed over: a view would take along all that its memory holds.
      const own = new Uint8Array(bytes);
      this.#worker.postMessage({ number, bytes: own, idct, mostPixels } satisfies DecodeRequest, [own.buffer]);
    });
  }

  #lost(error: Error): void {
    threads = threads?.filter((thread) => thread !== this);
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
