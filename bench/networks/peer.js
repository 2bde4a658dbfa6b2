import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A Python of bench/peers that runs one task for each line that it is sent; undefined where no Python is named. */
export async function startPeer(python, script, args, threads) {
  if (!python) return undefined;
  const path = fileURLToPath(new URL(`../peers/${script}`, import.meta.url));
  const env = { ...process.env, OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads) };
  const child = spawn(python, [path, ...args.map(String)], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${python} ${script} ended`);
    return JSON.parse(value);
  };
  const { version } = await next();
  return {
    version,
    round: async (task) => {
      child.stdin.write(`${task}\n`);
      return next();
    },
    stop: () => child.stdin.end(),
  };
}
