import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShieldError } from '../errors/index.js';
import { Random } from '../random/random.js';
import { mutated, MUTATIONS } from '../testing/mutations.js';
import { readSafetensors, writeSafetensors } from './safetensors.js';
import { rowMajorStrides, sizeOf, toFloat32 } from './weight-tensor.js';

const tensor = (shape: number[], start = 0) => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => start + i / 3),
});
const weights = new Map([
  ['b', tensor([2, 3])],
  ['a', tensor([4], 10)],
  ['scalar', tensor([], -1)],
  ['none', tensor([0, 5])],
]);

/** A file by hand, as another program may write it. */
function file(header: unknown, body: Uint8Array = new Uint8Array(0), length?: number): Uint8Array<ArrayBuffer> {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const out = Buffer.alloc(8 + json.length + body.length);
  out.writeBigUInt64LE(BigInt(length ?? json.length));
  json.copy(out, 8);
  out.set(body, 8 + json.length);
  return new Uint8Array(out);
}
const entry = (dtype: string, shape: unknown, data_offsets: unknown) => ({ dtype, shape, data_offsets });

describe('safetensors', () => {
  it('gives back what was written, in place', () => {
    const bytes = writeSafetensors(weights, { from: 'a test' });
    const { tensors, metadata } = readSafetensors(bytes, 'x');
    expect(metadata).toEqual({ from: 'a test' });
    expect([...tensors.keys()].sort()).toEqual([...weights.keys()].sort());
    for (const [name, { shape, data }] of weights) {
      const read = tensors.get(name)!;
      expect(read.shape).toEqual(shape);
      expect(read.data).toEqual(data);
      expect(read.data.buffer).toBe(bytes.buffer);
    }
  });

  it('writes the form of the specification', () => {
    const bytes = writeSafetensors(new Map([['w', { shape: [1], data: Float32Array.of(1) }]]));
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)))).toEqual({
      w: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
    });
    expect([...bytes.subarray(8 + length)]).toEqual([0, 0, 0x80, 0x3f]);
    expect(length % 8).toBe(0);
  });

  it('writes equal weights as equal bytes, in whatever order they come', () => {
    expect(writeSafetensors(new Map([...weights].reverse()))).toEqual(writeSafetensors(weights));
  });

  it('reads every number type, aligned or not', () => {
    const header = {
      byte: entry('U8', [1], [0, 1]), // all that follows is unaligned
      f16: entry('F16', [4], [1, 9]),
      bf16: entry('BF16', [1], [9, 11]),
      i64: entry('I64', [1], [11, 19]),
      f64: entry('F64', [1], [19, 27]),
      i16: entry('I16', [1], [27, 29]),
      flag: entry('BOOL', [1], [29, 30]),
    };
    const body = Buffer.alloc(30);
    body.writeUInt8(200, 0);
    [0x3e00, 0xfbff, 0x0001, 0xfc00].forEach((half, i) => body.writeUInt16LE(half, 1 + 2 * i));
    body.writeUInt16LE(0xc040, 9);
    body.writeBigInt64LE(-(2n ** 60n), 11);
    body.writeDoubleLE(1 / 3, 19);
    body.writeInt16LE(-7, 27);
    body.writeUInt8(1, 29);
    const { tensors } = readSafetensors(file(header, body), 'x');
    const values = Object.fromEntries([...tensors].map(([name, { data }]) => [name, [...data]]));
    expect(values).toEqual({
      byte: [200],
      f16: [1.5, -65504, 2 ** -24, -Infinity],
      bf16: [-3],
      i64: [-(2n ** 60n)],
      f64: [1 / 3],
      i16: [-7],
      flag: [1],
    });
  });

  it.each([
    ['no header', new Uint8Array(5)],
    ['a header longer than the file', file({}, undefined, 1e9)],
    ['a header of 2^63 bytes', file({}, undefined, 2 ** 63)],
    ['a header that is not JSON', file('{"a":')],
    ['a header that is a list', file('[1]')],
    ['an unknown type', file({ a: entry('F128', [1], [0, 16]) }, new Uint8Array(16))],
    ['a type from the prototype', file({ a: entry('toString', [1], [0, 4]) }, new Uint8Array(4))],
    ['a shape that does not fit', file({ a: entry('F32', [3], [0, 4]) }, new Uint8Array(4))],
    ['a negative side', file({ a: entry('F32', [-1], [0, 4]) }, new Uint8Array(4))],
    ['a shape of 2^60', file({ a: entry('F32', [2 ** 30, 2 ** 30], [0, 4]) }, new Uint8Array(4))],
    ['offsets beyond the end', file({ a: entry('F32', [2], [0, 8]) }, new Uint8Array(4))],
    ['offsets backwards', file({ a: entry('F32', [1], [4, 0]) }, new Uint8Array(4))],
    ['overlapping tensors', file({ a: entry('U8', [2], [0, 2]), b: entry('U8', [2], [1, 3]) }, new Uint8Array(3))],
    ['a gap', file({ a: entry('U8', [1], [1, 2]) }, new Uint8Array(2))],
    ['bytes left over', file({ a: entry('U8', [1], [0, 1]) }, new Uint8Array(2))],
    ['metadata that are no strings', file({ __metadata__: { a: 1 } })],
    ['an entry that is no object', file({ a: 3 })],
  ])('refuses %s', (_, bytes) => {
    expect(() => readSafetensors(bytes, 'mine.safetensors')).toThrow(/the weights mine\.safetensors cannot be used/);
  });

  it('gives tensors or WEIGHTS_INVALID for whatever stands in it', () => {
    const whole = writeSafetensors(weights, { from: 'a test' });
    const change = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), fc.nat(whole.length), (changes, length) => {
        const bytes = whole.slice(0, length);
        for (const { at, byte } of changes) if (at < length) bytes[at] = byte;
        try {
          readSafetensors(bytes, 'x');
        } catch (error) {
          expect(error).toBeInstanceOf(ShieldError);
          expect((error as ShieldError).code).toBe('WEIGHTS_INVALID');
        }
      }),
      { numRuns: 2000, seed: 1 },
    );
  });

  it(`is refused by the name of the file or gives tensors that fit their shapes, damaged ${MUTATIONS} times`, () => {
    const whole = writeSafetensors(weights, { from: 'a test' });
    let refused = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      try {
        const { tensors } = readSafetensors(mutated(whole, new Random('hostile', i)).slice(), 'bad.safetensors');
        for (const tensor of tensors.values()) expect(toFloat32(tensor).length).toBe(sizeOf(tensor.shape));
      } catch (error) {
        expect(error).toMatchObject({
          code: 'WEIGHTS_INVALID',
          message: expect.stringContaining('bad.safetensors') as string,
        });
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(MUTATIONS / 4);
  });
});

describe('toFloat32', () => {
  it('permutes and copies only where it must', () => {
    const data = Float32Array.from({ length: 24 }, (_, i) => i);
    const plain = { shape: [2, 3, 4], strides: rowMajorStrides([2, 3, 4]), data };
    expect(toFloat32(plain).buffer).toBe(data.buffer);
    const moved = toFloat32(plain, [2, 0, 1]); // [4, 2, 3]
    for (let i = 0; i < 4; i++)
      for (let j = 0; j < 2; j++) for (let k = 0; k < 3; k++) expect(moved[i * 6 + j * 3 + k]).toBe(j * 12 + k * 4 + i);
    // Stored transposed already: the permuted view is the data as it lies.
    const stored = { shape: [3, 4, 2], strides: [4, 1, 12], data };
    expect(toFloat32(stored, [2, 0, 1])).toEqual(data);
    expect(toFloat32(stored, [2, 0, 1]).buffer).toBe(data.buffer);
  });
});
