import { stat } from 'node:fs/promises';
import { basename, resolve, sep } from 'node:path';

/** `validation-00003-of-00128`, as TensorFlow's scripts name shards. */
const SHARD = /^(.*)-(\d{5})-of-(\d{5})$/;

/** What lies beside records and is none; a glob's `*` does not mean it. */
const NO_RECORDS = /^\.|\.(json|txt|md|tmp|csv|npz)$/;

export interface RecordFiles {
  /** Absolute paths, in the order of their names. */
  readonly paths: readonly string[];
  /** Shards that their names promise and that are not there, by file name. */
  readonly missing: readonly string[];
}

/**
 * The files that a path names: itself, all files right below a folder, or those that match a glob (`*`, `?`, `[…]`,
 * `{a,b}`, `**`).
 *
 * @param pattern takes of a folder only the files that match it
 * @returns no paths where there are none
 */
export async function recordFiles(path: string, pattern = '*'): Promise<RecordFiles> {
  const status = await stat(path).catch(() => undefined);
  if (status?.isFile()) return { paths: [resolve(path)], missing: [] };
  const { glob } = await import('tinyglobby');
  const found = status?.isDirectory()
    ? await glob(pattern, { cwd: path, absolute: true, expandDirectories: false })
    : await glob(sep === '\\' ? path.replaceAll(sep, '/') : path, { absolute: true, expandDirectories: false });
  const paths = found.filter((one) => !NO_RECORDS.test(basename(one))).sort();
  return { paths, missing: missingShards(paths.map((one) => basename(one))) };
}

/** Shards that the names of others promise, and that are not among them. */
export function missingShards(names: readonly string[]): string[] {
  const sets = new Map<string, { count: number; have: Set<number> }>();
  for (const name of names) {
    const [, prefix, index, count] = SHARD.exec(name) ?? [];
    if (prefix === undefined) continue;
    const key = `${prefix}-of-${count}`;
    const set = sets.get(key) ?? { count: Number(count), have: new Set() };
    set.have.add(Number(index));
    sets.set(key, set);
  }
  const five = (number: number) => String(number).padStart(5, '0');
  return [...sets].flatMap(([key, { count, have }]) => {
    const prefix = key.slice(0, key.lastIndexOf('-of-'));
    const all = Array.from({ length: count }, (_, i) => i).filter((i) => !have.has(i));
    return all.map((i) => `${prefix}-${five(i)}-of-${five(count)}`);
  });
}
