/*
 * Preloaded into a run (node --import), writes to $JOURNAL_CLOCK what the journal costs it: the time in which lines are
 * encoded and written, and the time in which the process has nothing to do while a flush to the disk is under way.
 */
import { writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { Journal } from '../../packages/core/dist/tracking/journal.js';

let [written, waited, events, flushes] = [0, 0, 0, 0];
let [under, since] = [0, 0];
const idle = () => performance.eventLoopUtilization().idle;

const { appendSync, flush } = Journal.prototype;
Journal.prototype.appendSync = function (event) {
  events++;
  const began = performance.now();
  try {
    return appendSync.call(this, event);
  } finally {
    written += performance.now() - began;
  }
};
Journal.prototype.flush = function () {
  flushes++;
  if (under++ === 0) since = idle();
  return flush.call(this).finally(() => {
    if (--under === 0) waited += idle() - since;
  });
};
process.on('exit', () =>
  writeFileSync(process.env.JOURNAL_CLOCK, JSON.stringify({ written, waited, events, flushes })),
);
