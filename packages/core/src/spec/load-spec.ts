import { basename, dirname, extname, resolve } from 'node:path';
import { ShieldError, throwAll, type SourceLocation } from '../errors/index.js';
import type { PluginRegistry } from '../plugin/registry.js';
import { applyOverride, type KnownKeys } from './apply-overrides.js';
import { composeSpec } from './compose.js';
import { expandEpsLists } from './eps-lists.js';
import { interpolate, type InterpolationOptions } from './interpolate.js';
import { knownKeys } from './known-keys.js';
import { loadPlugins } from './load-plugins.js';
import { namedPlugins, withPortablePlugins } from './named-plugins.js';
import { parseOverride, type Override } from './override.js';
import { resolveSpec } from './resolve.js';
import type { ResolvedSpec } from './resolved-spec.js';
import { applyWhole, sortOverrides } from './selections.js';
import { longPath } from './shorthand.js';
import { SourceReader, type ParsedSource, type SpecSource } from './sources.js';
import { resolvedHash } from './to-yaml.js';
import { fromPlain, getIn, locateValue, parsePath, type SpecPath } from './tree.js';

export interface LoadSpecOptions {
  /** `key=value`, `+key=value`, `++key=value`, `~key`, in the order they apply. */
  readonly overrides?: readonly string[];
  /** The plugins there are; those that the spec names are added. */
  readonly registry: PluginRegistry;
  /** Folders searched for config groups, after those around the spec. */
  readonly configDirs?: readonly string[];
  /** Folder that plugin paths are relative to; default: that of the file that names them (text: the working directory). */
  readonly baseDir?: string;
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
  const { registry, baseDir, env = process.env } = options;
  const isText = /\n|^\s*[\w'"]+:(\s|$)|^\s*\{/.test(pathOrText);
  const reader = new SourceReader(isText ? undefined : pathOrText, options.configDirs);
  const written = isText ? reader.text(pathOrText) : reader.spec(pathOrText);
  const folder = resolve(baseDir ?? (written.path === undefined ? '.' : dirname(written.path)));
  const sorted = sortOverrides(parseAll(options.overrides ?? []));
  const known = knownKeys(registry);
  const spec: ParsedSource = {
    ...written,
    tree: sorted.defaults.reduce((tree, override) => applyOverride(tree, override, known), written.tree),
  };
  const interpolation: InterpolationOptions = { env, fallback: writtenElsewhere(known) };

  // Twice: which plugins are named is known once the spec is composed, and what their names mean once they are loaded.
  const draft = composeSpec(spec, reader, registry, sorted.selections);
  const plugins = namedPlugins(draft, sorted.rest, known, interpolation, { file: spec.file, folder });
  for (const plugin of plugins) await loadPlugins([plugin.name], plugin.folder, registry, plugin.where);
  let tree = plugins.length > 0 ? composeSpec(spec, reader, registry, sorted.selections) : draft;
  for (const override of sorted.rest) {
    tree = applyWhole(tree, override, reader, registry) ?? applyOverride(tree, override, known);
  }
  tree = expandEpsLists(withPortablePlugins(interpolate(tree, interpolation), plugins, folder), registry);
  const { resolved, errors } = resolveSpec(tree, registry, nameOfFile(written.path));
  throwAll(errors);
  const loaded: LoadedSpec = {
    resolved: resolved!,
    hash: resolvedHash(resolved!),
    path: written.file,
    text: written.text,
    sources: reader.sources,
    locate: (path) => locateValue(tree, typeof path === 'string' ? (parsePath(path) ?? []) : path),
  };
  return loaded;
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
