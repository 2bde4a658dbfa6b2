import type { CellJob, CellOutcome, CellReport, SweepWork } from '../plugin/executor-contract.js';

/** To a worker process, over its IPC channel. */
export type ToWorker =
  | { readonly type: 'work'; readonly work: SweepWork }
  | { readonly type: 'job'; readonly job: CellJob }
  /** The cell that is being carried out stops at its next checkpoint. */
  | { readonly type: 'stop' };

/** From a worker process. */
export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'alive'; readonly rss: number }
  | { readonly type: 'report'; readonly report: CellReport }
  | { readonly type: 'outcome'; readonly outcome: CellOutcome };
