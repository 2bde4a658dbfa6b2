import { ShieldError } from './shield-error.js';

/** The code of a Node system error (`ENOENT`, `ENOSPC`, …), if it is one. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What TensorFlow's addon puts before the message that matters. */
const TENSORFLOW_STATUS = /^Invalid TF_Status: \d+\s+Message: /;

/** What libraries say when memory is wanting; Node itself dies of it. */
const NO_MEMORY =
  /\bOOM\b|out of memory|array buffer allocation failed|invalid typed array length|bad_alloc|can(?:no|')t allocate memory|unable to allocate|MemoryError|ENOMEM/i;

/** The message of anything thrown, on one line. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(TENSORFLOW_STATUS, '').split('\n', 1)[0] ?? '';
}

/** OUT_OF_MEMORY for what a library throws where memory is wanting. */
export function outOfMemory(error: unknown): ShieldError | undefined {
  const reason = reasonOf(error);
  return NO_MEMORY.test(reason) ? new ShieldError('OUT_OF_MEMORY', { reason }, { cause: error }) : undefined;
}

/** Turns a failed write into DISK_FULL or WRITE_FAILED; a ShieldError passes through as it is. */
export function writeError(error: unknown, path: string, run = 'RUN'): ShieldError {
  if (error instanceof ShieldError) return error;
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return new ShieldError('DISK_FULL', { path, run }, { cause: error });
  return new ShieldError('WRITE_FAILED', { path, reason: reasonOf(error) }, { cause: error });
}
