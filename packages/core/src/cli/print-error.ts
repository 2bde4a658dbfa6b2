import { ShieldError, ShieldErrors, formatLocation } from '../errors/index.js';

/** An error as people read it: place, code, what is wrong, how to mend it. Never a stack trace. */
export function formatError(error: unknown): string {
  if (error instanceof ShieldErrors) return error.errors.map(formatError).join('\n\n');
  if (error instanceof ShieldError) {
    const where = error.where ? `${formatLocation(error.where)}: ` : '';
    const fix = error.fix ? `\n  → ${error.fix}` : '';
    return `${where}${error.code}: ${error.message}${fix}`;
  }
  return `INTERNAL: ${error instanceof Error ? error.message : String(error)}`;
}

/** 2: the spec or the command is wrong and nothing ran; 1: the run failed. */
export function exitCodeOf(error: unknown): number {
  return error instanceof ShieldError || error instanceof ShieldErrors ? error.exitCode : 1;
}
