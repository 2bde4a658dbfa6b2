/** What a run says of itself, in the order it happened. The journal holds these; trackers are fed from it. */
export type RunState = 'QUEUED' | 'RUNNING' | 'COMPLETED' | 'FAILED' | 'INTERRUPTED';

export type RunEvent =
  | { readonly type: 'state'; readonly state: RunState; readonly error?: RecordedError }
  | { readonly type: 'heartbeat'; readonly rss: number }
  | {
      readonly type: 'stage';
      readonly stage: string;
      readonly name: string;
      readonly phase: 'start' | 'end' | 'reused';
      readonly seconds?: number;
    }
  | {
      readonly type: 'batch';
      readonly stage: string;
      readonly name: string;
      readonly batch: number;
      readonly done: number;
      readonly of: number;
    }
  | { readonly type: 'metric'; readonly key: string; readonly value: number; readonly step?: number }
  | { readonly type: 'param'; readonly key: string; readonly value: string }
  | { readonly type: 'artifact'; readonly kind: string; readonly key: string; readonly path: string }
  | { readonly type: 'resource'; readonly path: string; readonly sha256?: string }
  | { readonly type: 'log'; readonly level: 'info' | 'warn'; readonly message: string };

export interface RecordedError {
  readonly code: string;
  readonly message: string;
  readonly fix?: string;
}

/** Receives the events of one run. */
export interface Tracker {
  event(event: RunEvent): void;
}
