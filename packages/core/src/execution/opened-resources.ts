import type { RunEvent } from '../tracking/events.js';
import type { FileDigests } from './kept/file-digests.js';

/**
 * Files that a run reads, for its record: each once, with its sha256, which is computed beside the run's own work where
 * whoever read the file did not say it.
 */
export class OpenedResources {
  readonly #seen = new Set<string>();
  #last: Promise<void> = Promise.resolve();

  constructor(
    private readonly emit: (event: RunEvent) => void,
    private readonly digests: FileDigests,
    private readonly signal: AbortSignal,
  ) {}

  add(path: string, sha256?: string): void {
    const name = `${path}\0${sha256 ?? ''}`;
    if (this.#seen.has(name)) return;
    this.#seen.add(name);
    if (sha256 !== undefined) return this.emit({ type: 'resource', path, sha256 });
    // One after another: a data set of many large files must not be read all at once.
    this.#last = this.#last.then(async () => {
      const computed = await this.digests.of(path, this.signal);
      this.emit({ type: 'resource', path, ...(computed === undefined ? {} : { sha256: computed }) });
    });
  }

  /** Resolves when all of them are on record. */
  async recorded(): Promise<void> {
    await this.#last;
  }
}
