import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../testing/shared-data.js';
import { decodeJpeg } from './decode-jpeg.js';
import { decodeJpegAside } from './decode-threads.js';
import { decodedFiles } from './testing/decoded.js';

const files = decodedFiles();

/** Nothing but Linux has it. */
const ONE_CORE = process.platform === 'linux' ? ['taskset', '-c', '0'] : [];

/** Pixels, or what is wrong with a file. */
const outcome = (decoding: () => unknown) =>
  Promise.resolve()
    .then(decoding)
    .catch((error: Error) => error.message);

describe('decoding on other threads', () => {
  it('gives what decoding here gives, pixels and errors, whatever comes at once', async () => {
    const asked = [...files, ...files.map(({ file, ...rest }) => ({ ...rest, file: file.subarray(0, -40) }))];
    const found = await Promise.all(asked.map(({ file }) => outcome(() => decodeJpegAside(file, 'ifast', 300))));
    expect(found.length).toBeGreaterThan(200);
    for (const [i, { name, file }] of asked.entries())
      expect([name, found[i]]).toEqual([name, await outcome(() => decodeJpeg(file, 'ifast', 300))]);
    expect(found.some((each) => /larger than 0.0003 million pixels/.test(String(each)))).toBe(true);
  });

  it('leaves the bytes that it was given', async () => {
    const { file } = files[0]!;
    const before = Buffer.from(file);
    for (let i = 0; i < 100; i++) await decodeJpegAside(file, 'islow', 1e6);
    expect(file.equals(before)).toBe(true);
  });

  it.each([
    ['at once', [], 'await Promise.all(Array.from({ length: 200 }, decode))'],
    ['one after another', [], '[]; for (let i = 0; i < 200; i++) images.push(await decode())'],
    ['at once, with one core', ONE_CORE, 'await Promise.all(Array.from({ length: 200 }, decode))'],
  ])('keeps no process from ending that has its images: %s', async (_, pinned, asked) => {
    const script = `
      import { decodeJpegAside } from './packages/core/dist/jpeg/decode-threads.js';
      const file = Buffer.from('${files[0]!.file.toString('base64')}', 'base64');
      const decode = () => decodeJpegAside(file, 'ifast', 1e6);
      const images = ${asked};
      console.log(images.length, new Set(images.map(({ data }) => Buffer.from(data).toString('base64'))).size);`;
    const [command, ...args] = [...pinned, process.execPath, '--input-type=module', '-e', script];
    const { stdout } = await promisify(execFile)(command!, args, { cwd: projectRoot(), timeout: 30_000 });
    expect(stdout).toBe('200 1\n');
  });
});
