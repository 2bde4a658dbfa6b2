import { expect, it } from 'vitest';
import { AlignedMemory } from './aligned-memory.js';

it('gives out pieces of one array, each aligned for the backend at the byte that is asked for', () => {
  const lengths = [100, 7, 64, 1, 4096];
  const memory = new AlignedMemory(lengths);
  const pieces = lengths.map((length, i) => ({ length, pivot: i * 3, piece: memory.take(length, i * 3)! }));
  let end = 0;
  for (const { length, pivot, piece } of pieces) {
    expect(piece.buffer).toBe(pieces[0]!.piece.buffer);
    expect(piece.length).toBe(length);
    expect(piece.byteOffset).toBeGreaterThanOrEqual(end);
    // glibc's note before a large array takes the first 16 bytes of its page.
    expect((16 + piece.byteOffset + pivot) % 64).toBe(0);
    end = piece.byteOffset + length;
  }
  expect(memory.take(400)).toBeUndefined();
});

it('reserves no more than it may, whatever is claimed', () => {
  const memory = new AlignedMemory([2 ** 52, 100], 1000);
  expect(memory.take(2 ** 52)).toBeUndefined();
  expect(memory.take(100)!.buffer.byteLength).toBe(1000);
});
