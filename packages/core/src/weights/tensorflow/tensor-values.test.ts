import protobuf from 'protobufjs/minimal.js';
import { describe, expect, it } from 'vitest';
import { readTensorValues } from './tensor-values.js';

const FLOATS = Float32Array.from({ length: 300 }, (_, i) => Math.fround(Math.sin(i)));

/** A TensorProto of these floats, `before` bytes into memory that holds `behind` more. */
function tensorAt(before: number, behind: number): Uint8Array<ArrayBuffer> {
  const message = protobuf.Writer.create()
    .uint32(8)
    .uint32(1)
    .uint32(0x2a)
    .bytes(new Uint8Array(FLOATS.buffer))
    .uint32(0x38) // something behind the numbers that must still be read
    .uint32(5)
    .finish();
  const memory = new Uint8Array(before + message.length + behind).fill(0xaa);
  memory.set(message, before);
  return memory.subarray(before, before + message.length);
}

const own = (length: number) => new Uint8Array(length);
const whole = (part: Uint8Array<ArrayBuffer>) => new Uint8Array(part.buffer);
const keep = () => expect.fail('kept');

describe('readTensorValues', () => {
  it.each([0, 1, 2, 3, 7, 30])('leaves numbers where they are, aligned, %i bytes into their memory', (before) => {
    const tensor = tensorAt(before, 12);
    let kept = 0;
    const read = readTensorValues(tensor, 5, 4, FLOATS.length, own, { block: whole(tensor), keep: () => kept++ });
    expect(kept).toBe(1);
    expect(read.buffer).toBe(tensor.buffer);
    expect(new Float32Array(read.buffer, read.byteOffset, FLOATS.length)).toEqual(FLOATS);
  });

  it('copies them out of memory that holds more of other things', () => {
    for (const [before, behind] of [
      [500, 0],
      [0, 500],
    ] as const) {
      const tensor = tensorAt(before, behind);
      const read = readTensorValues(tensor, 5, 4, FLOATS.length, own, { block: whole(tensor), keep });
      expect(read.buffer).not.toBe(tensor.buffer);
      expect(new Float32Array(read.buffer)).toEqual(FLOATS);
    }
  });

  it('puts together what is stored in two parts', () => {
    const half = (from: number) => new Uint8Array(FLOATS.buffer, from * 4, 600);
    const message = Uint8Array.from(
      protobuf.Writer.create().uint32(0x2a).bytes(half(0)).uint32(0x2a).bytes(half(150)).finish(),
    );
    const read = readTensorValues(message, 5, 4, FLOATS.length, own, { block: message, keep });
    expect(new Float32Array(read.buffer)).toEqual(FLOATS);
    expect(() => readTensorValues(message, 5, 4, 299)).toThrow('300 values instead of 299');
    expect(() => readTensorValues(message, 5, 4, 301)).toThrow('instead of 301');
  });
});
