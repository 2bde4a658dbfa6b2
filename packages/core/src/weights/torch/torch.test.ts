import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShieldError } from '../../errors/index.js';
import { Random } from '../../random/random.js';
import { mutated, MUTATIONS } from '../../testing/mutations.js';
import { readWeights } from '../read-weights.js';
import { writeSafetensors } from '../safetensors.js';
import { sizeOf, toFloat32 } from '../weight-tensor.js';
import { readLegacyTorch } from './torch-pickle.js';
import { readTorchZip } from './torch-zip.js';

/** Written by PyTorch itself: bench/record/torch_files.py. */
const fixture = (name: string) => fileURLToPath(new URL(`testing/golden/${name}`, import.meta.url));
const bytesOf = (name: string) => new Uint8Array(readFileSync(fixture(name)));
const expected = JSON.parse(readFileSync(fixture('expected.json'), 'utf8')) as Record<
  string,
  { shape: number[]; values: string[] }
>;
const number = (text: string) => Number(text.replace('inf', 'Infinity'));

const FORMS = [
  ['legacy.pth', readLegacyTorch],
  ['zip.pt', readTorchZip],
] as const;

describe.each(FORMS)('%s', (name, read) => {
  it('is read as PyTorch wrote it: types, strides, windows, shared storages', async () => {
    const { tensors, sha256 } = await readWeights(fixture(name));
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect([...tensors.keys()]).toEqual(Object.keys(expected));
    for (const [key, { shape, values }] of Object.entries(expected)) {
      const tensor = tensors.get(key)!;
      expect(tensor.shape, key).toEqual(shape);
      expect([...toFloat32(tensor)], key).toEqual(values.map((value) => Math.fround(number(value))));
    }
    expect([...tensors.get('long')!.data]).toEqual([2n ** 40n, -3n]);
    expect([...tensors.get('double')!.data]).toEqual([1 / 3, 1e300]);
  });

  it('names the byte where it was cut off, at any length', () => {
    const whole = bytesOf(name);
    for (let length = 0; length < whole.length; length += 7) {
      const error = failure(() => read(whole.slice(0, length), 'cut.pth'));
      expect(error?.code).toBe('WEIGHTS_INVALID');
      expect(error?.message).toMatch(/cut\.pth/);
    }
    expect(failure(() => read(whole.slice(0, -9), 'cut.pth'))!.message).toMatch(/at byte \d+/);
  });

  it('gives tensors or WEIGHTS_INVALID for whatever stands in it', () => {
    const whole = bytesOf(name);
    const change = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const file = whole.slice();
        for (const { at, byte } of changes) file[at] = byte;
        try {
          for (const tensor of read(file, 'x').values()) toFloat32(tensor);
        } catch (error) {
          expect(error).toBeInstanceOf(ShieldError);
          expect((error as ShieldError).code).toBe('WEIGHTS_INVALID');
        }
      }),
      { numRuns: 2000, seed: 1 },
    );
  });
});

describe.each(FORMS)('%s, damaged', (name, read) => {
  it(`${MUTATIONS} times, is refused by the name of the file or gives tensors that fit their shapes`, () => {
    const whole = bytesOf(name);
    let refused = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      try {
        const tensors = read(mutated(whole, new Random('hostile', name, i)).slice(), 'bad.pth');
        for (const tensor of tensors.values()) expect(toFloat32(tensor).length).toBe(sizeOf(tensor.shape));
      } catch (error) {
        expect(error).toMatchObject({ code: 'WEIGHTS_INVALID', message: expect.stringContaining('bad.pth') as string });
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(MUTATIONS / 4);
  });
});

describe('a hostile pickle', () => {
  // Up to the first global of the fourth pickle, the state dictionary.
  const header = readFileSync(fixture('legacy.pth'));
  const beginning = header.subarray(0, header.indexOf('ccollections'));
  const file = (body: string | number[]) => {
    const tail = typeof body === 'string' ? Buffer.from(body, 'latin1') : Buffer.from(body);
    return new Uint8Array(Buffer.concat([beginning, tail]));
  };

  it('runs nothing: only the names of a state dictionary are known', () => {
    const attack = file('cposix\nsystem\n(X\x0a\x00\x00\x00touch /tmptR.');
    expect(failure(() => readLegacyTorch(attack, 'bad.pth'))!.message).toMatch(/posix\.system.*not part of/);
  });

  it.each([
    ['a size beyond the file', /ends within a pickle/, 'X\xff\xff\xff\xff'],
    ['an integer of impossible length', /ends within a pickle/, '\x8a\xff'],
    [
      'a tensor larger than its storage',
      /a tensor of shape/,
      'ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00aX\x03\x00\x00\x00cpuK\x01NtQK\x00(J\xff\xff\xff\x7fJ\xff\xff\xff\x7ft(K\x00K\x00t\x89)tR.',
    ],
    [
      'a storage of a negative size',
      /without key or size/,
      '(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00aX\x03\x00\x00\x00cpuJ\xff\xff\xff\xffNtQ.',
    ],
    ['what was never remembered', /nothing was remembered/, 'j\x05\x00\x00\x00.'],
    ['an empty stack', /stack is empty/, 'RRR.'],
    ['another opcode', /opcode 0x93/, '\x93.'],
  ])('is refused: %s', (_, message, body) => {
    expect(failure(() => readLegacyTorch(file(body), 'bad.pth'))?.message).toMatch(message);
  });

  it('can be deep without harm', () => {
    const deep = file([...new Array<number>(200_000).fill(0x5d), ...new Array<number>(199_999).fill(0x61), 0x2e]);
    expect(failure(() => readLegacyTorch(deep, 'bad.pth'))?.code).toBe('WEIGHTS_INVALID');
  });
});

describe('readWeights', () => {
  it('tells the form by the first bytes, and says what it cannot read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'shield-read-'));
    const path = join(folder, 'weights.bin');
    await writeFile(path, writeSafetensors(new Map([['a', { shape: [2], data: Float32Array.of(1, 2) }]])));
    expect([...(await readWeights(path)).tensors.get('a')!.data]).toEqual([1, 2]);
    await writeFile(path, await readFile(fixture('legacy.pth')));
    expect((await readWeights(path)).tensors.size).toBe(Object.keys(expected).length);
    for (const content of ['', 'PK\x03\x04', '<html>Not found</html>', '{"a": 1}']) {
      await writeFile(path, content);
      await expect(readWeights(path)).rejects.toMatchObject({ code: 'WEIGHTS_INVALID' });
    }
    await expect(readWeights(join(folder, 'none.pth'))).rejects.toMatchObject({ code: 'WEIGHTS_INVALID' });
    await expect(readWeights(folder)).rejects.toMatchObject({ code: 'WEIGHTS_INVALID' });
    await rm(folder, { recursive: true });
  });
});

function failure(work: () => unknown): ShieldError | undefined {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(ShieldError);
    return error as ShieldError;
  }
  return undefined;
}
