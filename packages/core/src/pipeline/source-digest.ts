import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const CODE = /\.[cm]?[jt]s$/;

/**
 * sha256 over a source file, all it imports by relative path, and the files that these name by
 * `new URL('…', import.meta.url)` (compiled WebAssembly, bundled weights): what a plugin computes is named by the code
 * that computes it, so a changed attack is never confused with its former self.
 */
export function sourceDigest(file: string | undefined): string {
  if (file === undefined || !existsSync(file)) return 'unknown';
  return digestOf(sourceFiles(file), dirname(file));
}

/** The files of {@link sourceDigest}, sorted, as paths. */
export function sourceFiles(file: string): string[] {
  const files = new Set<string>();
  const pending = [resolve(file)];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (files.has(next)) continue;
    files.add(next);
    if (!CODE.test(next)) continue;
    const source = readFileSync(next, 'utf8');
    pending.push(...existing(filesBeside(source), next));
    for (const specifier of relativeImports(source)) {
      const target = resolveImport(dirname(next), specifier);
      if (target) pending.push(target);
    }
  }
  return [...files].sort();
}

/**
 * sha256 over the parts of core that decide numbers, images, random streams, attacks' run time, this pipeline, and over the
 * compiled WebAssembly that they name.
 *
 * @param root core's folder of sources, or of what is built of them
 */
export function coreDigest(root = resolve(dirname(fileURLToPath(import.meta.url)), '..')): string {
  const files = new Set<string>();
  for (const folder of ['backend', 'images', 'jpeg', 'pipeline', 'random', 'records'])
    for (const source of sourcesIn(join(root, folder)))
      for (const file of [source, ...existing(filesBeside(readFileSync(source, 'utf8')), source)]) files.add(file);
  return digestOf([...files].sort(), root);
}

function sourcesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourcesIn(path);
    return /(?<!\.d)(?<!\.test)\.(js|ts)$/.test(entry.name) ? [path] : [];
  });
}

function digestOf(files: readonly string[], root: string): string {
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(`${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  return hash.digest('hex').slice(0, 16);
}

function filesBeside(source: string): string[] {
  return [...source.matchAll(/new URL\(\s*['"](\.{1,2}\/[^'"]+)['"]\s*,\s*import\.meta\.url\s*\)/g)].map(
    (match) => match[1]!,
  );
}

/** Of files that `source` names by relative path, those that are there. */
function existing(specifiers: readonly string[], source: string): string[] {
  const paths = specifiers.map((specifier) => resolve(dirname(source), specifier));
  return paths.filter((path) => existsSync(path) && statSync(path).isFile());
}

function relativeImports(source: string): string[] {
  return [...source.matchAll(/(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"]+)['"]/g)].map((match) => match[1]!);
}

function resolveImport(folder: string, specifier: string): string | undefined {
  const path = resolve(folder, specifier);
  const candidates = [path, path.replace(/\.js$/, '.ts'), `${path}.ts`, `${path}.js`, `${path}.mjs`];
  return candidates.find((candidate) => CODE.test(candidate) && existsSync(candidate));
}
