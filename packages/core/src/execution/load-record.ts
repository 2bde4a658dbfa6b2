import { readdirSync, statSync, type BigIntStats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { LoadContext } from '../plugin/contracts.js';

/**
 * What loading a network asked of its context and told it: whether another run would load the same, and what that run's
 * record is to say.
 */
export class LoadRecord {
  readonly #paths = new Map<string, string>();
  /** By path: what the file was when it was first seen. */
  readonly #files = new Map<string, string>();
  readonly #told: ((context: LoadContext) => void)[] = [];
  #drew = false;

  /** @param seed what the context's random streams are drawn from */
  constructor(private readonly seed: number) {}

  /** The context, listened to. */
  of(context: LoadContext): LoadContext {
    const tell = (what: (context: LoadContext) => void) => {
      this.#told.push(what);
      what(context);
    };
    const { assets } = context;
    return {
      ...context,
      assets: {
        file: async (source) => this.#see(await assets.file(source)),
        files: async (source, pattern) => (await assets.files(source, pattern)).map((path) => this.#see(path)),
      },
      resolvePath: (given) => {
        const path = context.resolvePath(given);
        this.#paths.set(given, path);
        return this.#see(path);
      },
      random: (...name) => {
        this.#drew = true;
        return context.random(...name);
      },
      log: (message) => tell((each) => each.log(message)),
      warn: (message) => tell((each) => each.warn(message)),
      opened: (path, sha256) => tell((each) => each.opened(this.#see(path), sha256)),
    };
  }

  /** Whether the files are still what they were: not so, if one was written while it was read. */
  get stands(): boolean {
    return [...this.#files].every(([path, identity]) => identityOf(path) === identity);
  }

  /** Whether loading in this context would find the same. */
  fits(context: LoadContext, seed: number): boolean {
    if (this.#drew && seed !== this.seed) return false;
    return [...this.#paths].every(([given, path]) => context.resolvePath(given) === path) && this.stands;
  }

  /** Tells another run's record what the first one heard. */
  tell(context: LoadContext): void {
    for (const what of this.#told) what(context);
  }

  #see(path: string): string {
    if (!this.#files.has(path)) this.#files.set(path, identityOf(path));
    return path;
  }
}

/** Another text whenever a file was written, replaced or touched. A folder stands for the files in it. */
function identityOf(path: string): string {
  const stats = statOf(path);
  if (stats?.isFile()) return stamp(stats);
  // A checkpoint of TensorFlow is named by what the names of its files begin with.
  const [folder, start] = stats?.isDirectory() ? [path, ''] : [dirname(path), basename(path)];
  const names = namesIn(folder).filter((name) => name.startsWith(start));
  return names.map((name) => `${name} ${stamp(statOf(join(folder, name)))}`).join();
}

/** The time of the last change of any kind cannot be set back, as that of the last write can. */
function stamp(stats: BigIntStats | undefined): string {
  if (!stats) return 'none';
  const { dev, ino, size, mtimeNs, ctimeNs } = stats;
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

/** undefined for what is not there, or not ours to see: the load itself says what is wrong with that. */
function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
