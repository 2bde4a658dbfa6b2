import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import type { JournalEntry, RunState } from './events.js';
import { encodeLine } from './journal-line.js';
import { lastState } from './last-state.js';

const folder = mkdtempSync(join(tmpdir(), 'shield-state-'));
afterAll(() => rmSync(folder, { recursive: true }));

const STATES: readonly RunState[] = ['QUEUED', 'RUNNING', 'COMPLETED', 'FAILED', 'INTERRUPTED', 'TIMEOUT'];

it('is the last state entry, however far from the end and whatever is torn behind it', () => {
  const path = join(folder, 'journal.jsonl');
  // Lines up to 30 kB, so that blocks of 64 KiB end anywhere in them, and one line can be longer than its neighbours.
  const line = fc.oneof(
    fc.constantFrom(...STATES).map((state) => ({ type: 'state' as const, state })),
    fc
      .nat(30_000)
      .map((n) => ({ type: 'log' as const, level: 'info' as const, message: `"type":"state"${'x'.repeat(n)}` })),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 30 }), fc.boolean(), (events, torn) => {
      const entries = events.map((event, seq): JournalEntry => ({ seq, time: new Date(seq).toISOString(), ...event }));
      const text = Buffer.concat(entries.map(encodeLine));
      writeFileSync(path, torn ? text.subarray(0, -1) : text);
      const expected = entries.slice(0, torn ? -1 : undefined).findLast(({ type }) => type === 'state');
      expect(lastState(path)).toEqual(expected);
    }),
    { numRuns: 150 },
  );
});

it('is undefined where there is no journal', () => {
  expect(lastState(join(folder, 'none'))).toBeUndefined();
});
