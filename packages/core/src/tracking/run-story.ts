import type { ReportedState } from './events.js';
import { readJournal } from './journal-reader.js';
import type { Provenance } from './provenance.js';
import { readProvenance } from './record-format.js';
import { readMetrics, type Metrics } from './run-query.js';
import { statusOf, type Run } from './runs-folder.js';

/** What the record of one run tells, in short. */
export interface RunStory {
  readonly run: Run;
  readonly status: Awaited<ReturnType<typeof statusOf>>;
  readonly provenance: Provenance | undefined;
  /** When it was begun and went on, and how each attempt ended. */
  readonly states: readonly { readonly state: ReportedState; readonly time: string }[];
  /** Seconds that it was worked on, all attempts together; of one that was killed up to its last sign of life. */
  readonly seconds: number;
  readonly stages: readonly StageTold[];
  /** The most resident memory that its heartbeats tell of, bytes. */
  readonly peakRss: number | undefined;
  readonly warnings: readonly string[];
  readonly artifacts: readonly { readonly kind: string; readonly path: string }[];
  readonly metrics: Metrics;
  /** Why the journal could be read only in part. */
  readonly damage: string | undefined;
}

export interface StageTold {
  readonly stage: string;
  readonly name: string;
  /** undefined while it goes on, and where an earlier run had done it. */
  readonly seconds: number | undefined;
  readonly reused: boolean;
}

/** Reads the story; of a damaged journal as far as it is sound. */
export async function tellRun(run: Run): Promise<RunStory> {
  const states: { state: ReportedState; time: string }[] = [];
  const stages = new Map<string, StageTold>();
  const warnings: string[] = [];
  const artifacts = new Map<string, { kind: string; path: string }>();
  let peakRss: number | undefined;
  let damage: string | undefined;
  let milliseconds = 0;
  let begun: number | undefined;
  let last = 0;
  try {
    for await (const entry of readJournal(run.files.journal)) {
      const time = Date.parse(entry.time);
      if (entry.type === 'state') {
        states.push({ state: entry.state, time: entry.time });
        // A new RUNNING after another one: the process before it was killed.
        if (begun !== undefined) milliseconds += (entry.state === 'RUNNING' ? last : time) - begun;
        begun = entry.state === 'RUNNING' ? time : undefined;
      } else if (entry.type === 'stage') {
        const { stage, name, phase, seconds } = entry;
        const before = stages.get(`${stage} ${name}`)?.seconds;
        const sum = seconds === undefined ? before : (before ?? 0) + seconds;
        stages.set(`${stage} ${name}`, { stage, name, seconds: sum, reused: phase === 'reused' });
      } else if (entry.type === 'heartbeat') peakRss = Math.max(peakRss ?? 0, entry.peak ?? entry.rss);
      else if (entry.type === 'log' && entry.level === 'warn') warnings.push(entry.message);
      else if (entry.type === 'artifact') artifacts.set(entry.path, { kind: entry.kind, path: entry.path });
      last = time;
    }
  } catch (error) {
    damage = error instanceof Error ? error.message : String(error);
  }
  if (begun !== undefined) milliseconds += last - begun;
  return {
    run,
    status: await statusOf(run),
    provenance: await readProvenance(run).catch(() => undefined),
    states,
    seconds: Math.max(0, milliseconds) / 1000,
    stages: [...stages.values()],
    peakRss,
    warnings,
    artifacts: [...artifacts.values()],
    metrics: readMetrics(run),
    damage,
  };
}
