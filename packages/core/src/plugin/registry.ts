import { ShieldError, didYouMean } from '../errors/index.js';
import type { PluginKind } from './contracts.js';
import type {
  AttackPlugin,
  DatasetPlugin,
  DefensePlugin,
  ExecutorPlugin,
  ModelPlugin,
  Plugin,
  TrackerPlugin,
} from './define.js';
import inline from './inline.js';

interface PluginOfKind {
  attack: AttackPlugin;
  defense: DefensePlugin;
  model: ModelPlugin;
  dataset: DatasetPlugin;
  tracker: TrackerPlugin;
  executor: ExecutorPlugin;
}

interface Entry {
  readonly plugin: Plugin;
  /** The package name or path that it came with. */
  readonly from: string;
}

/** What stands after `use:` for an ensemble, among the defenses: no plugin can be called so. */
export const ENSEMBLE = 'ensemble';

/** The plugins of one program by kind and name. A second one of the same name is refused: the last never wins. */
export class PluginRegistry {
  readonly #entries = new Map<string, Entry>();

  constructor() {
    // What a spec means that says nothing of how it is run.
    this.register(inline, '@shield/core');
  }

  /** @throws PLUGIN_DUPLICATE where a name or alias is taken by a plugin of the same kind; PLUGIN_INVALID */
  register(plugin: Plugin, from: string): void {
    for (const name of [plugin.name, ...(plugin.aliases ?? [])]) {
      if (plugin.kind === 'defense' && name === ENSEMBLE) {
        throw new ShieldError('PLUGIN_INVALID', { path: from, reason: `use: ${ENSEMBLE} means an ensemble of models` });
      }
      const taken = this.#entries.get(key(plugin.kind, name));
      if (taken?.plugin === plugin) continue;
      if (taken) {
        throw new ShieldError('PLUGIN_DUPLICATE', { kind: plugin.kind, name, first: taken.from, second: from });
      }
      this.#entries.set(key(plugin.kind, name), { plugin, from });
    }
  }

  /** @throws PLUGIN_UNKNOWN with the nearest name */
  get<K extends PluginKind>(kind: K, name: string): PluginOfKind[K] {
    const entry = this.#entries.get(key(kind, name));
    if (!entry) {
      const known = this.list(kind).map((plugin) => plugin.name);
      throw new ShieldError('PLUGIN_UNKNOWN', { kind, name, hint: didYouMean(name, known), known: known.join(', ') });
    }
    return entry.plugin as PluginOfKind[K];
  }

  has(kind: PluginKind, name: string): boolean {
    return this.#entries.has(key(kind, name));
  }

  /** Where a plugin came from: a package name or the path written in the spec. */
  origin(kind: PluginKind, name: string): string | undefined {
    return this.#entries.get(key(kind, name))?.from;
  }

  /** All plugins of a kind, each once, sorted by name. */
  list<K extends PluginKind>(kind: K): PluginOfKind[K][] {
    const plugins = [...this.#entries.values()].map((entry) => entry.plugin).filter((plugin) => plugin.kind === kind);
    return [...new Set(plugins)].sort((a, b) => a.name.localeCompare(b.name)) as PluginOfKind[K][];
  }
}

function key(kind: PluginKind, name: string): string {
  return `${kind}:${name}`;
}
