import { totalmem } from 'node:os';

/** Bytes; of the container, where there is one. */
export function machineMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}
