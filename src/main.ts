import { createProgram } from '@shield/core/cli';
import { builtIns, builtInConfigs } from './built-ins.js';

/** The `shield` command: core's command line over the built-in plugins. */
export async function main(argv: readonly string[]): Promise<void> {
  await createProgram({ plugins: builtIns, configFolders: [builtInConfigs] }).parse(argv);
}
