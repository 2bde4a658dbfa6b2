export type {
  JournalEntry,
  JournalNote,
  RecordedError,
  RecordedEvent,
  ReportedState,
  RunEvent,
  RunState,
  Tracker,
} from './events.js';
export { Journal } from './journal.js';
export { readJournal, scanJournal, type JournalCursor, type ScannedEntry } from './journal-reader.js';
export { EventBus } from './event-bus.js';
export { createRun, type CellOf, type NewRun } from './run-directory.js';
export { findRun } from './find-run.js';
export {
  listRuns,
  openRun,
  runState,
  runStatus,
  runsFolder,
  statusOf,
  type ListedRun,
  type Run,
  type RunFiles,
  type RunRecord,
  type RunStatus,
} from './runs-folder.js';
export { RunLock, lockHolder, type LockHolder } from './run-lock.js';
export { RunInterrupted, RunTimedOut } from './endings.js';
export { withRun } from './lifecycle.js';
export type { RunContext, WithRunOptions } from './run-context.js';
export { PerImageWriter, readPerImage, writeMetrics } from './results.js';
export {
  collectProvenance,
  collectPlace,
  recordBackend,
  type BackendRecord,
  type CollectedProvenance,
  type Provenance,
  type ProvenanceInput,
} from './provenance.js';
export { provenanceAt, provenanceFor, provenanceOfCells } from './provenance-of-cells.js';
export { withoutCredentials, withoutSecrets } from './secrets.js';
