import { readFileSync } from 'node:fs';
import { createProgram } from '@shield/core/cli';
import { builtIns, builtInConfigs } from './built-ins.js';

/** The `shield` command: core's command line over the built-in plugins. */
export async function main(argv: readonly string[]): Promise<void> {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  await createProgram({ plugins: builtIns, configFolders: [builtInConfigs], version: manifest.version }).parse(argv);
}
