import { basename, dirname, extname, resolve } from 'node:path';
import { ShieldError, throwAll, type SourceLocation } from '../errors/index.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { runsFolder } from '../tracking/runs-folder.js';
import { applyOverride, type KnownKeys } from './apply-overrides.js';
import { composeSpec } from './compose.js';
import { expandEpsLists } from './eps-lists.js';
import { withoutOthersOptions } from './executor-options.js';
import { interpolate, interpolateAt, type InterpolationOptions } from './interpolate.js';
import { knownKeys } from './known-keys.js';
import { loadPlugins } from './load-plugins.js';
import { namedPlugins, withPortablePlugins, type NamedPlugin } from './named-plugins.js';
import { parseOverride, type Override } from './override.js';
import { modelPaths, resolveSpec } from './resolve.js';
import type { ResolvedSpec } from './resolved-spec.js';
import { applyWhole, sortOverrides, type SortedOverrides } from './selections.js';
import { SharedParts } from './shared-parts.js';
import { longPath } from './shorthand.js';
import { SourceReader, type ParsedSource, type SpecSource } from './sources.js';
import { resolvedHash } from './to-yaml.js';
import { expandTrainedModels } from './trained-models.js';
import {
  fromPlain,
  getIn,
  locateValue,
  parsePath,
  removeIn,
  type MapNode,
  type SpecNode,
  type SpecPath,
} from './tree.js';

export interface LoadSpecOptions {
  /** `key=value`, `+key=value`, `++key=value`, `~key`, in the order they apply. */
  readonly overrides?: readonly string[];
  /** The plugins there are; those that the spec names are added. */
  readonly registry: PluginRegistry;
  /** Folders searched for config groups, after those around the spec. */
  readonly configDirs?: readonly string[];
  /** Folder that plugin paths are relative to; default: that of the file that names them (text: the working directory). */
  readonly baseDir?: string;
  /** Where `run:ID` is looked for; default: `$SHIELD_RUNS`, else `runs` in the working directory. */
  readonly runsFolder?: string;
  /** For `${env:NAME}`; default: the environment of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface LoadedSpec {
  readonly resolved: ResolvedSpec;
  /** sha256 (hex) of the resolved spec. */
  readonly hash: string;
  /** The spec as messages name it: its path, or "spec" for one that was given as text. */
  readonly path: string;
  /** The spec as written. */
  readonly text: string;
  /** Every file that was read, the spec first. */
  readonly sources: readonly SpecSource[];
  /** Where the value at a path of the resolved spec was written: `attacks.cw_l2.confidence`. */
  readonly locate: (path: string | SpecPath) => SourceLocation;
}

/**
 * Reads, composes, overrides, interpolates, checks and completes a spec. The plugins that it names are loaded into the
 * registry first, since they say which options there are.
 *
 * @param pathOrText path of a YAML file, or YAML itself (anything with a line break, or `key: value`)
 * @throws everything that is wrong, at once where it is of one step: SPEC_*, OVERRIDE_*, PLUGIN_*
 */
export async function loadSpec(pathOrText: string, options: LoadSpecOptions): Promise<LoadedSpec> {
  return openSpec(pathOrText, options).load();
}

/** A spec with its overrides, before it is resolved: a sweep resolves it once for each cell. */
export function openSpec(pathOrText: string, options: LoadSpecOptions): OpenSpec {
  return new OpenSpec(pathOrText, options);
}

interface Composed {
  readonly tree: MapNode;
  readonly plugins: readonly NamedPlugin[];
}

/** Files are read once, what is composed of them too; see {@link openSpec}. */
export class OpenSpec {
  readonly reader: SourceReader;
  /** Folder that paths in the spec are relative to. */
  readonly folder: string;
  readonly #written: ParsedSource;
  readonly #overrides: readonly Override[];
  readonly #known: KnownKeys;
  readonly #interpolation: InterpolationOptions;
  readonly #composed = new Map<string, Promise<Composed>>();
  readonly #shared = new SharedParts();

  constructor(
    pathOrText: string,
    private readonly options: LoadSpecOptions,
  ) {
    const { registry, baseDir, env = process.env } = options;
    const isText = /\n|^\s*[\w'"]+:(\s|$)|^\s*\{/.test(pathOrText);
    this.reader = new SourceReader(isText ? undefined : pathOrText, options.configDirs);
    this.#written = isText ? this.reader.text(pathOrText) : this.reader.spec(pathOrText);
    this.folder = resolve(baseDir ?? (this.#written.path === undefined ? '.' : dirname(this.#written.path)));
    this.#overrides = parseAll(options.overrides ?? []);
    this.#known = knownKeys(registry);
    this.#interpolation = { env, fallback: writtenElsewhere(this.#known) };
  }

  /** The spec as messages name it. */
  get path(): string {
    return this.#written.file;
  }

  /** The spec as written. */
  get text(): string {
    return this.#written.text;
  }

  /** The overrides that hold for every cell. */
  get overrides(): readonly Override[] {
    return this.#overrides;
  }

  /** The composed spec with its overrides, `sweep` too; nothing is interpolated or checked. */
  async composed(): Promise<MapNode> {
    return (await this.#tree(this.#overrides)).tree;
  }

  /**
   * What `${…}` becomes in one part of the composed spec.
   *
   * @param more overrides of one cell, after those of the command line
   * @throws SPEC_INTERPOLATION
   */
  async interpolated(path: SpecPath, more: readonly Override[] = []): Promise<SpecNode | undefined> {
    const { tree } = await this.#tree([...this.#overrides, ...more]);
    return interpolateAt(tree, longPath(tree, path.map(String)) ?? path, this.#interpolation);
  }

  /**
   * @param more overrides of one cell, after those of the command line
   * @throws everything that is wrong, at once where it is of one step: SPEC_*, OVERRIDE_*, PLUGIN_*
   */
  async load(more: readonly Override[] = []): Promise<LoadedSpec> {
    const { registry } = this.options;
    const written = this.#written;
    const composed = await this.#tree([...this.#overrides, ...more]);
    // What the spec is swept over is no part of any cell.
    let tree = interpolate(removeIn(composed.tree, ['sweep']) as MapNode, this.#interpolation);
    tree = expandEpsLists(withPortablePlugins(tree, composed.plugins, this.folder), registry);
    const runs = this.options.runsFolder ?? runsFolder();
    tree = await expandTrainedModels(tree, modelPaths(tree), { registry, runsFolder: runs, folder: this.folder });
    const { resolved, errors } = resolveSpec(tree, registry, nameOfFile(written.path));
    throwAll(errors);
    const shared = this.#shared.in(resolved!);
    return {
      resolved: shared,
      hash: resolvedHash(shared),
      path: written.file,
      text: written.text,
      sources: this.reader.sources,
      locate: (path) => locateValue(tree, typeof path === 'string' ? (parsePath(path) ?? []) : path),
    };
  }

  async #tree(overrides: readonly Override[]): Promise<Composed> {
    const sorted = sortOverrides(overrides);
    const { tree: base, plugins } = await this.#compose(sorted);
    const tree = sorted.rest.reduce((changed, override) => this.#apply(changed, override), base);
    return { tree, plugins };
  }

  #apply(tree: MapNode, override: Override): MapNode {
    const { registry } = this.options;
    const whole = applyWhole(tree, override, this.reader, registry);
    if (whole) return whole;
    const applied = applyOverride(tree, override, this.#known);
    const choosesExecutor = override.path.length === 2 && override.path.join('.') === 'execution.use';
    return choosesExecutor ? withoutOthersOptions(applied, registry) : applied;
  }

  /** Cells that choose the same configs and plugins are composed together. */
  #compose(sorted: SortedOverrides): Promise<Composed> {
    const plugins = sorted.rest.filter(({ path }) => path[0] === 'plugins');
    const id = JSON.stringify([sorted.selections, ...[...sorted.defaults, ...plugins].map(({ text }) => text)]);
    let composed = this.#composed.get(id);
    if (!composed) this.#composed.set(id, (composed = this.#composeAnew(sorted)));
    return composed;
  }

  async #composeAnew(sorted: SortedOverrides): Promise<Composed> {
    const { registry } = this.options;
    const spec: ParsedSource = {
      ...this.#written,
      tree: sorted.defaults.reduce((tree, override) => applyOverride(tree, override, this.#known), this.#written.tree),
    };
    // Twice: which plugins are named is known once the spec is composed, and what their names mean once they are loaded.
    const draft = composeSpec(spec, this.reader, registry, sorted.selections);
    const place = { file: spec.file, folder: this.folder };
    const plugins = namedPlugins(draft, sorted.rest, this.#known, this.#interpolation, place);
    for (const plugin of plugins) await loadPlugins([plugin.name], plugin.folder, registry, plugin.where);
    return { tree: plugins.length > 0 ? composeSpec(spec, this.reader, registry, sorted.selections) : draft, plugins };
  }
}

function parseAll(texts: readonly string[]): Override[] {
  const faults: ShieldError[] = [];
  const overrides = texts.flatMap((text) => {
    try {
      return [parseOverride(text)];
    } catch (error) {
      if (!(error instanceof ShieldError)) throw error;
      faults.push(error);
      return [];
    }
  });
  throwAll(faults);
  return overrides;
}

/** What `${…}` finds where nothing is written: `attack.eps` of the one attack, and the schema's defaults. */
function writtenElsewhere(known: KnownKeys): NonNullable<InterpolationOptions['fallback']> {
  return (root, path) => {
    const full = longPath(root, path);
    if (!full) return undefined;
    const written = full === path ? undefined : getIn(root, full);
    if (written) return written;
    const value = known.defaultAt(root, full);
    return value === undefined ? undefined : fromPlain(value, root.where);
  };
}

/** The name of a spec that gives itself none. */
function nameOfFile(path: string | undefined): string {
  if (path === undefined) return 'unnamed';
  const stem = basename(path, extname(path))
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 100);
  return stem || 'unnamed';
}
