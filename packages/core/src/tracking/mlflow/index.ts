export { MlflowTracker } from './live-tracker.js';
export { MlflowFeeder, runAddress, type PassReport } from './feeder.js';
export { mlflowSettings, type MlflowChoice, type MlflowSettings } from './settings.js';
export { sentTo, type SyncState } from './cursor.js';
export { takeSyncLock } from './sync-lock.js';
