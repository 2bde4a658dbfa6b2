/* A thread that keeps the largest amount of memory that the process held in the first number of what it is given. */
import { parentPort, workerData } from 'node:worker_threads';
import { held } from './held.js';

const peak = new Float64Array(workerData);
setInterval(() => (peak[0] = Math.max(peak[0], held())), 2);
parentPort.postMessage('ready');
