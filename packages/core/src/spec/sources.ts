import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { ShieldError, didYouMean, reasonOf, systemCode, type SourceLocation } from '../errors/index.js';
import { parseYamlFile } from './parse-yaml.js';
import type { MapNode } from './tree.js';

/** A file that a spec was read from. */
export interface SpecSource {
  /** As error messages show it: relative to the working directory where that is shorter. */
  readonly file: string;
  /** Absolute; undefined for a spec that was given as text. */
  readonly path: string | undefined;
  readonly text: string;
  readonly sha256: string;
}

export interface ParsedSource extends SpecSource {
  readonly tree: MapNode;
}

const EXTENSIONS = ['.yaml', '.yml'];
const MAX_BYTES = 4 * 1024 * 1024;

/** Reads specs and the config groups that they compose, each file once. */
export class SourceReader {
  readonly #read = new Map<string, ParsedSource>();
  readonly #searched: readonly string[];

  /**
   * @param specPath the spec, if it is a file: its folder and the `configs` folder around it are searched for groups
   * @param configDirs folders searched after these
   */
  constructor(specPath: string | undefined, configDirs: readonly string[] = []) {
    const around = specPath === undefined ? [] : configFolders(dirname(resolve(specPath)));
    this.#searched = [...new Set([...around, ...configDirs.map((folder) => resolve(folder))])].filter(existsSync);
  }

  /** Every file that was read, in the order of reading. */
  get sources(): SpecSource[] {
    return [...this.#read.values()].map(({ file, path, text, sha256 }) => ({ file, path, text, sha256 }));
  }

  /** @throws SPEC_NOT_FOUND with a near name, SPEC_UNREADABLE, SPEC_SYNTAX */
  spec(path: string): ParsedSource {
    if (!existsSync(path)) throw new ShieldError('SPEC_NOT_FOUND', { path, hint: this.#nearSpec(path) });
    return this.#file(resolve(path));
  }

  /** A spec that is not a file. */
  text(text: string): ParsedSource {
    const file = 'spec';
    const source = { file, path: undefined, text, sha256: digest(text), tree: parseYamlFile(text, file) };
    this.#read.set(file, source);
    return source;
  }

  /** The config `name` of a group (`''`: configs that stand at the top of the folder); undefined where there is none. */
  config(group: string, name: string): ParsedSource | undefined {
    const path = this.#searched
      .flatMap((folder) => EXTENSIONS.map((extension) => join(folder, group, `${name}${extension}`)))
      .find((candidate) => existsSync(candidate) && statSync(candidate).isFile());
    return path === undefined ? undefined : this.#file(path);
  }

  /** @throws SPEC_DEFAULTS_NOT_FOUND with what there is in the group */
  needConfig(group: string, name: string, where: SourceLocation): ParsedSource {
    const found = this.config(group, name);
    if (found) return found;
    const known = this.configNames(group);
    const written = group === '' ? name : `${group}/${name}`;
    throw new ShieldError(
      'SPEC_DEFAULTS_NOT_FOUND',
      { name: written, hint: didYouMean(name, known), known: known.join(', ') || 'none' },
      { where },
    );
  }

  /** The names of the configs of a group, sorted. */
  configNames(group: string): string[] {
    const files = this.#searched.flatMap((folder) => list(join(folder, group)));
    const names = files
      .filter((file) => EXTENSIONS.includes(extname(file)))
      .map((file) => basename(file, extname(file)));
    return [...new Set(names)].sort();
  }

  #file(path: string): ParsedSource {
    const known = this.#read.get(path);
    if (known) return known;
    const file = shown(path);
    const text = readText(path, file);
    // Kept before it is parsed: a file with a fault in it was read too.
    const source = { file, path, text, sha256: digest(text), tree: parseYamlFile(text, file) };
    this.#read.set(path, source);
    return source;
  }

  #nearSpec(path: string): string {
    const folder = dirname(path);
    const specs = list(folder).filter((name) => EXTENSIONS.includes(extname(name)));
    const hint = didYouMean(basename(path), specs);
    return hint === '' ? '' : hint.replace(/"(.*)"/, (_, name: string) => `"${join(folder, name)}"`);
  }
}

/** The `configs` folder that holds the spec (at any depth), the spec's own folder, and a `configs` folder in that. */
function configFolders(specFolder: string): string[] {
  let holder = specFolder;
  while (basename(holder) !== 'configs' && dirname(holder) !== holder) holder = dirname(holder);
  return [...(basename(holder) === 'configs' ? [holder] : []), specFolder, join(specFolder, 'configs')];
}

function readText(path: string, file: string): string {
  let bytes: Buffer;
  try {
    if (statSync(path).isDirectory())
      throw new ShieldError('SPEC_UNREADABLE', { reason: `${file} is a folder` }, { where: { file } });
    if (statSync(path).size > MAX_BYTES) {
      throw new ShieldError('SPEC_UNREADABLE', { reason: `${file} is larger than 4 MiB` }, { where: { file } });
    }
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof ShieldError) throw error;
    const reason = systemCode(error) === 'EACCES' ? 'permission denied' : reasonOf(error);
    throw new ShieldError('SPEC_UNREADABLE', { reason }, { where: { file }, cause: error });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new ShieldError('SPEC_SYNTAX', { reason: 'the file is not UTF-8 text' }, { where: { file }, cause: error });
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.length < path.length && !short.startsWith('..') ? short : path;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
