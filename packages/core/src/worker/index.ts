export { shareOf } from './share.js';
export { WorkerProcess, type WorkerProcessOptions } from './worker-process.js';
export { SlotsHere } from './worker-here.js';
