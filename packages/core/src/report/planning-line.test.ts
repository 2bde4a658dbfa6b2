import { PassThrough } from 'node:stream';
import { afterEach, expect, it, vi } from 'vitest';
import { PlanningLine } from './planning-line.js';

function written(isTTY: boolean, tell: (line: PlanningLine) => void, patience = 0): string {
  const stream = Object.assign(new PassThrough(), { isTTY }) as unknown as NodeJS.WriteStream & PassThrough;
  tell(new PlanningLine({ stream, patience }));
  return String(stream.read() ?? '');
}

afterEach(() => void vi.useRealTimers());

it('is drawn anew in its place on a terminal, and taken away at the end', () => {
  const text = written(true, (line) => {
    line.tell(120_000, 1_000_000);
    line.close();
    line.close();
  });
  const erase = '\r\u001b[2K';
  const [nothing, told, ...rest] = text.split(erase);
  expect(nothing).toBe('');
  expect(told).toMatch(/^planning: 120,000 of 1,000,000 cells$/);
  expect(rest).toEqual(['']);
});

it('is a line now and then elsewhere, and none for a plan that is there at once', () => {
  const tell = (line: PlanningLine) => {
    line.tell(0, 2000);
    line.tell(1000, 2000);
    line.close();
  };
  expect(written(false, tell)).toBe('planning: 0 of 2,000 cells\n');
  expect(written(false, tell, 1000)).toBe('');
});

it('reckons what is left at the pace since the first cells', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const text = written(true, (line) => {
    vi.advanceTimersByTime(5000);
    line.tell(10, 1010);
    vi.advanceTimersByTime(2000);
    line.tell(210, 1010);
  });
  expect(text).toMatch(/210 of 1,010 cells {2}8 s left$/);
});
