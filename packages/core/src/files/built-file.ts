import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The path of what a worker runs. Workers run what was built, also where the module that starts them is run from its source.
 *
 * @param file `new URL('./….js', import.meta.url)`
 */
export function builtFile(file: URL): string {
  const path = fileURLToPath(file);
  return existsSync(path) ? path : path.replace(/^(.*[\\/])src([\\/])/, '$1dist$2');
}
