import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { SweepProgress } from '../sweep/progress.js';
import type { CellEvent } from '../tracking/events.js';
import { SweepView } from './sweep-view.js';

const T = 1_000_000;
const event = (cell: number, phase: CellEvent['phase'], more: Partial<CellEvent> = {}): CellEvent => ({
  type: 'cell',
  cell,
  phase,
  ...more,
});

function terminal(columns?: number) {
  const stream = new PassThrough();
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const properties = columns === undefined ? {} : { isTTY: true, columns };
  return { stream: Object.assign(stream, properties) as unknown as NodeJS.WriteStream, text: () => text };
}

describe('how a sweep stands', () => {
  it('counts what is done, and reckons what is left at the pace of this session', () => {
    const progress = new SweepProgress(10);
    for (const cell of [1, 2, 3]) progress.add(cell, 'COMPLETED');
    progress.begin(T);
    expect(progress.secondsLeft(T + 5000)).toBeUndefined();
    progress.tell(event(4, 'started', { worker: 'a' }), T);
    progress.tell(event(5, 'started', { worker: 'b' }), T);
    progress.tell(event(4, 'ended', { state: 'COMPLETED' }), T + 30_000);
    progress.tell(event(5, 'ended', { state: 'FAILED' }), T + 60_000);
    progress.tell(event(6, 'started', { worker: 'a' }), T + 60_000);
    progress.tell(event(6, 'progress', { worker: 'a', stage: 'attack', name: 'fgsm', done: 4, of: 8 }), T + 61_000);
    expect([progress.completed, progress.failed, progress.left]).toEqual([4, 1, 5]);
    expect(progress.pace(T + 60_000)).toBe(2);
    expect(progress.secondsLeft(T + 60_000)).toBe(150);
    expect(progress.workers).toEqual([
      { worker: 'a', cell: 6, since: T + 60_000, stage: 'attack', name: 'fgsm', done: 4, of: 8 },
    ]);
  });

  it('leaves cells that were interrupted among those that are left', () => {
    const progress = new SweepProgress(2);
    progress.tell(event(1, 'started'), T);
    progress.tell(event(1, 'ended', { state: 'INTERRUPTED' }), T + 1);
    expect([progress.failed, progress.left]).toEqual([0, 2]);
  });
});

describe('the view of a sweep', () => {
  const cell = (n: number) => cells[n - 1]!;
  const cells = ['attack=fgsm', 'attack=cw_l2', `description=${'long '.repeat(40)}`];

  it('is one line for the whole and one for each worker, none wider than the terminal', () => {
    const progress = new SweepProgress(3);
    const view = new SweepView(progress, { stream: terminal(80).stream, name: 'grid', cell });
    progress.tell(event(1, 'started', { worker: '1' }), T);
    progress.tell(event(1, 'ended', { worker: '1', state: 'COMPLETED' }), T + 20_000);
    progress.tell(event(2, 'started', { worker: '1' }), T + 20_000);
    progress.tell(event(3, 'started', { worker: '2' }), T + 20_000);
    progress.tell(event(3, 'progress', { worker: '2', stage: 'attack', name: 'fgsm', done: 3, of: 9 }), T + 21_000);
    const [whole, first, second, ...more] = view.lines(80, T + 60_000);
    view.close();
    expect(whole).toBe('grid  █████░░░░░░░░░░░  1/3  1.0 cells/min  2m00 left');
    expect(first).toBe('  1  cell 2  40 s  attack=cw_l2');
    expect(second).toMatch(/^ {2}2 {2}cell 3 {2}attack fgsm 3\/9 {2}40 s {2}description=long .*…$/);
    expect(second!.length).toBeLessThan(80);
    expect(more).toEqual([]);
    expect(view.lines(80, T + 90_000)[1]).toContain('  70 s  ');
  });

  it('has the swept values whole as long as their keys can be shortened', () => {
    const progress = new SweepProgress(1);
    const swept = ['attacks.fgsm.eps=4 defenses.jpeg.quality=80'];
    const view = new SweepView(progress, { stream: terminal(80).stream, name: 'grid', cell: (n) => swept[n - 1]! });
    progress.tell(event(1, 'started', { worker: '1' }), T);
    expect(view.lines(80, T)[1]).toBe('  1  cell 1  0 s  attacks.fgsm.eps=4 defenses.jpeg.quality=80');
    progress.tell(event(1, 'progress', { worker: '1', stage: 'evaluate', name: 'fgsm', done: 8, of: 32 }), T);
    expect(view.lines(80, T)[1]).toBe('  1  cell 1  evaluate fgsm 8/32  0 s  fgsm.eps=4 jpeg.quality=80');
    view.close();
  });

  it('is drawn anew in its place on a terminal, and leaves nothing there', () => {
    const { stream, text } = terminal(80);
    const progress = new SweepProgress(3);
    const view = new SweepView(progress, { stream, name: 'grid', cell });
    for (const each of [event(1, 'started'), event(1, 'ended', { state: 'COMPLETED' }), event(2, 'started')]) {
      progress.tell(each, Date.now());
      view.tell(each);
    }
    view.close();
    expect(text()).toContain('cell 2');
    expect(text().endsWith('\u001b[2A\u001b[0J')).toBe(true);
  });

  it('is plain lines elsewhere, failures with their cause', () => {
    const { stream, text } = terminal();
    const progress = new SweepProgress(3);
    const view = new SweepView(progress, { stream, name: 'grid', cell });
    const error = { code: 'MODEL_NAN', message: 'MODEL_NAN: no numbers' };
    for (const each of [
      event(1, 'started'),
      event(1, 'progress', { done: 1 }),
      event(1, 'ended', { state: 'FAILED', error }),
      // The sweep was stopped: one line of its own says so, not one for each cell that waited.
      event(2, 'ended', { state: 'INTERRUPTED' }),
    ]) {
      progress.tell(each, Date.now());
      view.tell(each);
    }
    view.close();
    expect(text()).toBe('cell 1 of 3: attack=fgsm\ncell 1 FAILED: MODEL_NAN: no numbers\n');
  });
});
