import {
  createShield as createBareShield,
  type RunOptions,
  type RunResult,
  type Shield,
  type ShieldOptions,
} from '@shield/core';
import { builtInConfigs, builtIns } from './built-ins.js';

export * from '@shield/core';

/** core's {@link createBareShield} with the built-in plugins registered and the built-in config groups at hand. */
export async function createShield(options: ShieldOptions = {}): Promise<Shield> {
  const configFolders = [...(options.configFolders ?? []), builtInConfigs];
  return createBareShield({ ...options, configFolders, plugins: [...(await builtIns()), ...(options.plugins ?? [])] });
}

/** Runs one spec, as `shield run` does; the result says what the run's directory holds. */
export async function run(spec: string, options: RunOptions & ShieldOptions = {}): Promise<RunResult> {
  return (await createShield(options)).run(spec, options);
}
