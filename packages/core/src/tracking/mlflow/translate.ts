import type { JournalEntry, ReportedState } from '../events.js';
import type { KeyValue, MetricPoint, MlflowStatus } from './words.js';
import { mlflowKey, mlflowParam, mlflowTag } from './names.js';

/** What one journal entry is to MLflow. */
export interface Translated {
  readonly metrics?: readonly MetricPoint[];
  readonly param?: KeyValue;
  readonly tags?: readonly KeyValue[];
}

const STATUS: Readonly<Record<ReportedState, MlflowStatus>> = {
  QUEUED: 'RUNNING',
  RUNNING: 'RUNNING',
  COMPLETED: 'FINISHED',
  FAILED: 'FAILED',
  INTERRUPTED: 'KILLED',
  // MLflow knows no timeout, and no dead or superseded run: the tag `shield.state` says which it was.
  TIMEOUT: 'FAILED',
  DEAD: 'KILLED',
  // Lists of finished runs hold each cell once.
  SUPERSEDED: 'KILLED',
};

export function mlflowStatus(state: ReportedState): MlflowStatus {
  return STATUS[state];
}

/** States that a run leaves only by being resumed. */
export function hasEnded(state: ReportedState): boolean {
  return state !== 'QUEUED' && state !== 'RUNNING';
}

/**
 * Metrics keep their key, step (0 where they have none) and the journal's time. Beside them, as MLflow shows them in
 * groups: `system/rss_megabytes` and `system/peak_rss_megabytes` from heartbeats, `progress/STAGE/NAME` (images done, by batch), and
 * `stage_seconds/STAGE/NAME`.
 */
export function translate(entry: JournalEntry): Translated {
  const timestamp = Date.parse(entry.time);
  const point = (key: string, value: number, step = 0): MetricPoint => {
    return { key: mlflowKey(key), value, timestamp, step: Math.trunc(step) };
  };
  const metric = (...args: Parameters<typeof point>): Translated => ({ metrics: [point(...args)] });
  switch (entry.type) {
    case 'metric':
      return metric(entry.key, entry.value, entry.step);
    case 'heartbeat':
      return {
        metrics: [
          point('system/rss_megabytes', entry.rss / 1e6, entry.seq),
          ...(entry.peak === undefined ? [] : [point('system/peak_rss_megabytes', entry.peak / 1e6, entry.seq)]),
        ],
      };
    case 'batch':
      return metric(`progress/${entry.stage}/${entry.name}`, entry.done, entry.batch);
    case 'stage':
      return entry.phase === 'end' && entry.seconds !== undefined
        ? metric(`stage_seconds/${entry.stage}/${entry.name}`, entry.seconds, entry.seq)
        : {};
    case 'param':
      return { param: mlflowParam(entry.key, entry.value, 'journal.jsonl') };
    case 'state':
      return {
        tags: [{ key: 'shield.state', value: entry.state }, ...errorTags(entry)],
      };
    default:
      return {};
  }
}

function errorTags({ error }: Extract<JournalEntry, { type: 'state' }>): KeyValue[] {
  if (!error) return [];
  return [
    mlflowTag('shield.error.code', error.code, 'journal.jsonl'),
    mlflowTag('shield.error.message', error.message, 'journal.jsonl'),
  ];
}
