import { ShieldError, ShieldErrors, throwAll } from '../errors/index.js';
import { wrapFor } from '../report/wrap.js';
import type { ProgramOptions } from './program.js';

export interface ValidateFlags {
  /** Paths, and overrides that hold for each of them. */
  readonly specs: readonly string[];
  readonly json?: boolean;
}

/** `shield validate`: every fault of every spec, with its place. */
export async function validateCommand(options: ProgramOptions, flags: ValidateFlags): Promise<void> {
  const [{ createShield }, { doubtfulBounds }] = await Promise.all([
    import('../execution/shield.js'),
    import('../execution/doubtful-bounds.js'),
  ]);
  const isOverride = (text: string) => /^[~+]/.test(text) || /^[\w.]+=/.test(text);
  const overrides = flags.specs.filter(isOverride);
  const paths = flags.specs.filter((text) => !isOverride(text));
  if (paths.length === 0) throw new ShieldError('CLI_USAGE', { reason: 'name a spec to validate' });
  const packages = await options.plugins();
  const found: ShieldError[] = [];
  const valid: { path: string; hash: string; warnings: string[] }[] = [];
  for (const path of paths) {
    // A program of its own for each, so that the plugins of one spec do not meet those of the next.
    const shield = createShield({ ...options, plugins: packages });
    try {
      const swept = await shield.sweeps(path, overrides);
      if (swept) {
        const { hash } = await shield.plan(path, { overrides });
        valid.push({ path, hash, warnings: [] });
        continue;
      }
      const { hash, resolved } = await shield.load(path, overrides);
      valid.push({ path, hash, warnings: doubtfulBounds(resolved, shield.registry) });
    } catch (error) {
      if (error instanceof ShieldErrors) found.push(...error.errors);
      else if (error instanceof ShieldError) found.push(error);
      else throw error;
    }
  }
  if (flags.json) {
    const errors = found.map(({ code, message, fix, where }) => ({ code, message, fix, where }));
    process.stdout.write(`${JSON.stringify({ valid, errors }, null, 2)}\n`);
    if (found.length > 0) process.exitCode = 2;
    return;
  }
  for (const { path, hash, warnings } of valid) {
    process.stdout.write(`${path}: valid (${hash.slice(0, 12)})\n`);
    for (const line of warnings) process.stderr.write(`${wrapFor(process.stderr, `warning: ${line}`)}\n`);
  }
  throwAll(found);
}
