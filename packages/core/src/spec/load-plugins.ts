import { existsSync, statSync } from 'node:fs';
import { extname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDir } from '../assets/cache-dir.js';
import { ShieldError, reasonOf, type SourceLocation } from '../errors/index.js';
import type { PluginKind } from '../plugin/contracts.js';
import { PLUGIN_KINDS, type Plugin } from '../plugin/define.js';
import { pluginFault } from '../plugin/plugin-fault.js';
import type { PluginRegistry } from '../plugin/registry.js';

const FILES = ['.ts', '.mts', '.js', '.mjs', '.cjs', '.cts'];

/** Whether an entry of `plugins:` is a path (else it is the name of a package). */
export function isPluginPath(name: string): boolean {
  return name.startsWith('.') || isAbsolute(name) || name.startsWith('file:') || FILES.includes(extname(name));
}

export function pluginPath(name: string, fromDir: string): string {
  return name.startsWith('file:') ? fileURLToPath(name) : resolve(fromDir, name);
}

/**
 * Loads third-party plugins into the registry: TypeScript and JavaScript files as they are, and packages. A module may
 * export one plugin by default, a list of them, or several by name. What plugins import of `@shield/core`, TypeBox and
 * tfjs-core is what this program itself uses, wherever they lie, so that there is one registry of tensors and kernels.
 *
 * @param names paths (relative to `fromDir`) and package names (resolved from there)
 * @param where where each is named, for errors
 * @throws PLUGIN_LOAD_FAILED, PLUGIN_INVALID, PLUGIN_DUPLICATE
 */
export async function loadPlugins(
  names: readonly string[],
  fromDir: string,
  registry: PluginRegistry,
  where?: SourceLocation,
): Promise<void> {
  if (names.length === 0) return;
  const load = await loader(fromDir);
  for (const name of names) {
    const path = isPluginPath(name) ? pluginPath(name, fromDir) : undefined;
    if (path !== undefined) mustBeFile(name, path, where);
    const module = await load(path ?? name).catch((error: unknown) => {
      throw loadFailure(name, path, error, where);
    });
    const plugins = pluginsOf(module);
    if (plugins.length === 0)
      throw new ShieldError('PLUGIN_INVALID', { path: name, reason: 'it exports no plugin' }, { where });
    for (const plugin of plugins) {
      const reason = pluginFault(plugin);
      if (reason) throw new ShieldError('PLUGIN_INVALID', { path: name, reason }, { where });
      register(plugin, name, registry, where);
    }
  }
}

async function loader(fromDir: string): Promise<(specifier: string) => Promise<unknown>> {
  const [{ createJiti }, core, jpeg, testing, typebox, tfjs] = await Promise.all([
    import('jiti'),
    import('../index.js'),
    import('../jpeg/index.js'),
    import('../testing/index.js'),
    import('@sinclair/typebox'),
    import('@tensorflow/tfjs-core'),
  ]);
  const jiti = createJiti(join(fromDir, 'spec.js'), {
    fsCache: join(cacheDir(), 'plugins'),
    // A module keeps its own namespace: what a default export is, is decided below.
    interopDefault: false,
    virtualModules: {
      '@shield/core': core,
      '@shield/core/jpeg': jpeg,
      '@shield/core/testing': testing,
      '@sinclair/typebox': typebox,
      '@tensorflow/tfjs-core': tfjs,
    },
  });
  return (specifier) => jiti.import(specifier);
}

function register(plugin: Plugin, name: string, registry: PluginRegistry, where: SourceLocation | undefined): void {
  try {
    registry.register(plugin, name);
  } catch (error) {
    if (!(error instanceof ShieldError)) throw error;
    throw new ShieldError(error.code, error.params, { where });
  }
}

function mustBeFile(name: string, path: string, where: SourceLocation | undefined): void {
  if (existsSync(path) && statSync(path).isFile()) return;
  const reason = existsSync(path) ? 'it is a folder' : `there is no file ${path}`;
  const expected = 'give the path of a .ts or .js file, relative to the file that names it, or a package name';
  throw new ShieldError('PLUGIN_LOAD_FAILED', { path: name, reason, expected }, { where });
}

function loadFailure(
  name: string,
  path: string | undefined,
  error: unknown,
  where: SourceLocation | undefined,
): ShieldError {
  if (error instanceof ShieldError) return new ShieldError(error.code, error.params, { where, cause: error });
  const missing = path === undefined && /cannot find (module|package)/i.test(reasonOf(error));
  const expected = missing
    ? `npm install ${name}`
    : 'mend the plugin; it runs as far as this when it is imported alone';
  return new ShieldError(
    'PLUGIN_LOAD_FAILED',
    { path: name, reason: reasonOf(error), expected },
    { where, cause: error },
  );
}

/** Every plugin among what a module exports, each once; `default` may be one, a list, or a module again (CommonJS). */
function pluginsOf(module: unknown): Plugin[] {
  const found = new Set<Plugin>();
  const visit = (value: unknown, depth: number) => {
    if (typeof value !== 'object' || value === null || depth > 2) return;
    if (isPlugin(value)) found.add(value);
    else for (const member of Object.values(value)) visit(member, depth + 1);
  };
  visit(module, 0);
  return [...found];
}

function isPlugin(value: object): value is Plugin {
  return 'kind' in value && PLUGIN_KINDS.includes(value.kind as PluginKind) && 'name' in value;
}
