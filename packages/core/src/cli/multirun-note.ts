import { ShieldError, ShieldErrors } from '../errors/index.js';
import { wrapFor } from '../report/wrap.js';
import { COMMAND_LINE } from '../spec/tree.js';
import { isSwept } from '../sweep/multirun.js';

/**
 * Does the work, and says what -m is for where it fails of what looks like a sweep on the command line: `key=a,b` is one
 * text without it.
 */
export async function withMultirunNote<T>(
  { overrides, multirun = false }: { readonly overrides: readonly string[]; readonly multirun?: boolean },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const found = error instanceof ShieldErrors ? error.errors : error instanceof ShieldError ? [error] : [];
    const ofTyped = found.some(({ code, where }) => code === 'SWEEP_EMPTY' || where?.file === COMMAND_LINE.file);
    const swept = multirun || !ofTyped ? undefined : overrides.find(isSwept);
    if (swept !== undefined) {
      const told = `note: ${swept} is one value as it stands; -m sweeps what is typed so`;
      process.stderr.write(`${wrapFor(process.stderr, told)}\n`);
    }
    throw error;
  }
}
