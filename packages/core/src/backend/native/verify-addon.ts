import { execFile } from 'node:child_process';
import { ShieldError } from '../../errors/index.js';

/** Run in a process of its own: an addon that does not suit the processor would take ours down with it. */
const PROGRAM = `
const addon = require(process.argv[1]);
const type = [{ name: 'T', type: addon.TF_ATTR_TYPE, value: addon.TF_FLOAT }];
const a = addon.createTensor([2, 2], addon.TF_FLOAT, Float32Array.of(1, 2, 3, 4));
const attributes = [...type, { name: 'transpose_a', type: addon.TF_ATTR_BOOL, value: false },
  { name: 'transpose_b', type: addon.TF_ATTR_BOOL, value: false }];
const [product] = addon.executeOp('MatMul', attributes, [a, a], 1);
const values = [...addon.tensorDataSync(product.id)];
console.log(JSON.stringify({ values, version: addon.TF_Version, gpu: addon.isUsingGpuDevice() }));
`;

/**
 * Loads the addon in a child process and multiplies two matrices with it.
 *
 * @returns TensorFlow's version and whether it sees a GPU
 * @throws SETUP_FAILED
 */
export async function verifyAddon(path: string): Promise<{ version: string; gpu: boolean }> {
  const { stdout, error, stderr } = await new Promise<{ stdout: string; stderr: string; error: unknown }>((resolve) => {
    const options = { timeout: 300_000, env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3', NODE_OPTIONS: '' } };
    execFile(process.execPath, ['-e', PROGRAM, path], options, (failure, out, err) =>
      resolve({ stdout: out, stderr: err, error: failure }),
    );
  });
  const last = stdout.trim().split('\n').at(-1) ?? '';
  if (error === null && last.startsWith('{')) {
    const { values, ...found } = JSON.parse(last) as { values: number[]; version: string; gpu: boolean };
    if (values.join() === '7,10,15,22') return found;
  }
  const signal = error instanceof Error && 'signal' in error ? error.signal : undefined;
  const lines = stderr.split('\n').map((line) => line.trim());
  const reason = lines.find((line) => line.includes('Error:')) ?? lines.find((line) => line !== '') ?? 'wrong results';
  throw new ShieldError('SETUP_FAILED', {
    reason: `the addon does not work on this machine: ${typeof signal === 'string' ? `it ended with ${signal}` : reason}`,
    expected: 'use backend: wasm, or update the system (glibc 2.27 or later, a processor with AVX)',
  });
}
