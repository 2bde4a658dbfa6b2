import { readFileSync } from 'node:fs';
import type { InverseDct } from '@shield/core/jpeg';
import type { Subsampling } from '../settings.js';

export interface RecordedTrip {
  readonly idct: InverseDct;
  readonly subsampling: Subsampling;
  readonly seed: number;
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
  readonly quality: number;
  /** Of the pixels that came back. */
  readonly sha256: string;
}

/** What Pillow and TurboJPEG made of drawn images; bench/record/jpeg.py records it. */
export function recordedTrips(): readonly RecordedTrip[] {
  const file = new URL('./recorded.json', import.meta.url);
  const { columns, cases } = JSON.parse(readFileSync(file, 'utf8')) as { columns: string[]; cases: unknown[][] };
  return cases.map(
    (values) => Object.fromEntries(columns.map((name, i) => [name, values[i]])) as unknown as RecordedTrip,
  );
}
