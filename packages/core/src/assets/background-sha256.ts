import { Worker } from 'node:worker_threads';

/** Runs as it stands here, in TypeScript's sources as in what is built of them. */
const HASH = `
  const { createHash } = require('node:crypto');
  const { createReadStream } = require('node:fs');
  const { parentPort, workerData } = require('node:worker_threads');
  const hash = createHash('sha256');
  createReadStream(workerData, { highWaterMark: 1 << 20 })
    .on('data', (chunk) => hash.update(chunk))
    .on('error', (error) => parentPort.postMessage({ error: error.message }))
    .on('end', () => parentPort.postMessage({ sha256: hash.digest('hex') }));
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
