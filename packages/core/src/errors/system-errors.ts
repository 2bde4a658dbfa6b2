import { ShieldError } from './shield-error.js';

/** The code of a Node system error (`ENOENT`, `ENOSPC`, …), if it is one. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The message of anything thrown, on one line. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}

/** Turns a failed write into DISK_FULL or WRITE_FAILED; a ShieldError passes through as it is. */
export function writeError(error: unknown, path: string, run = 'RUN'): ShieldError {
  if (error instanceof ShieldError) return error;
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return new ShieldError('DISK_FULL', { path, run }, { cause: error });
  return new ShieldError('WRITE_FAILED', { path, reason: reasonOf(error) }, { cause: error });
}
