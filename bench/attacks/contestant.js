/*
 * Processes that run attacks for a benchmark: they answer one line of JSON for each that they are sent.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const OURS = fileURLToPath(new URL('ours.js', import.meta.url));

/** Starts a command whose first line greets; `ask` sends a request and gives the answer. */
export async function start(command, args, threads) {
  const env = {
    ...process.env,
    OMP_NUM_THREADS: String(threads),
    MKL_NUM_THREADS: String(threads),
    OPENBLAS_NUM_THREADS: String(threads),
    // glibc gives PyTorch's activations back to the system after every layer; so it keeps them.
    MALLOC_MMAP_THRESHOLD_: '33554432',
    MALLOC_TRIM_THRESHOLD_: '4294967296',
    MALLOC_TOP_PAD_: '268435456',
  };
  const child = spawn(command, args.map(String), { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${command} ${args[0]} ended`);
    return JSON.parse(value);
  };
  return {
    hello: await next(),
    ask: (request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return next();
    },
    stop: () => child.stdin.end(),
  };
}

/** SHIELD, over the images of a file. */
export function startOurs(file, count, threads) {
  return start(process.execPath, [OURS, file, count, threads], threads);
}

/** One answer of SHIELD, on one thread. */
export async function askOnce(file, count, request) {
  const ours = await startOurs(file, count, 1);
  try {
    return await ours.ask({ library: 'ours', ...request });
  } finally {
    ours.stop();
  }
}
