import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileStamp, stampOf, statOf } from '../../files/file-stamp.js';
import type { LoadContext } from '../../plugin/contracts.js';

/**
 * What opening something asked of its context and told it: whether another run would find the same, and what that run's
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

  /** Has it opened in this context, listened to; the run's signal stops that, and nothing that comes after it. */
  async during<T>(context: LoadContext, open: (context: LoadContext) => Promise<T>): Promise<T> {
    const opening = new AbortController();
    const stop = () => opening.abort(context.signal.reason);
    if (context.signal.aborted) stop();
    context.signal.addEventListener('abort', stop);
    try {
      return await open({ ...this.#of(context), signal: opening.signal });
    } finally {
      context.signal.removeEventListener('abort', stop);
    }
  }

  #of(context: LoadContext): LoadContext {
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
  if (stats?.isFile()) return stampOf(stats);
  // A checkpoint of TensorFlow is named by what the names of its files begin with.
  const [folder, start] = stats?.isDirectory() ? [path, ''] : [dirname(path), basename(path)];
  const names = namesIn(folder).filter((name) => name.startsWith(start));
  return names.map((name) => `${name} ${fileStamp(join(folder, name))}`).join();
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
