import { availableParallelism } from 'node:os';
import { machineMemory } from '../files/machine-memory.js';

/** Of the machine's memory, what all workers together may have where nobody says. */
const SHARE_OF_MEMORY = 0.8;

/** What one of so many worker processes on this machine may have: threads of its backend, and MiB of memory. */
export function shareOf(workers: number): { readonly threads: number; readonly memory: number } {
  const memory = (SHARE_OF_MEMORY * machineMemory()) / 2 ** 20 / workers;
  return { threads: Math.max(1, Math.floor(availableParallelism() / workers)), memory: Math.floor(memory) };
}
