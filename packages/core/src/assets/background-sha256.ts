import { Worker } from 'node:worker_threads';

/** Runs as it stands here, in TypeScript's sources as in what is built of them. One buffer: a stream's would pile up. */
const HASH = `
  const { createHash } = require('node:crypto');
  const { closeSync, openSync, readSync } = require('node:fs');
  const { parentPort, workerData } = require('node:worker_threads');
  try {
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(1 << 20);
    const file = openSync(workerData, 'r');
    for (let length; (length = readSync(file, chunk)) > 0; ) hash.update(chunk.subarray(0, length));
    closeSync(file);
    parentPort.postMessage({ sha256: hash.digest('hex') });
  } catch (error) {
    parentPort.postMessage({ error: error.message });
  }
`;

/** The sha256 of a file, in hex, computed by a thread of its own while this one goes on. @throws Error where it cannot be read */
export function backgroundSha256(path: string): Promise<string> {
  const worker = new Worker(HASH, { eval: true, workerData: path });
  return new Promise((resolve, reject) => {
    worker.once('message', ({ sha256, error }: { sha256?: string; error?: string }) => {
      if (sha256 === undefined) reject(new Error(error));
      else resolve(sha256);
    });
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error(`${path} was not hashed`)));
  });
}
