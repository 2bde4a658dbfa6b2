/** Looks in a row that must find nobody: workers come back a moment after a Redis that was away. */
const LOOKS = 2;

/** Tells once, each time that a queue runs dry of workers while cells wait in it, and once that one is there again. */
export class WorkerWatch {
  #looking = false;
  #dry = 0;
  /** Whether somebody has ever been there. */
  #ever = false;

  constructor(
    private readonly queue: string,
    private readonly count: () => Promise<number>,
    private readonly tell: (type: 'log' | 'warn', message: string) => void,
  ) {}

  /** Never rejects; a look that Redis keeps waiting is not joined by another. */
  async look(waiting: () => boolean): Promise<void> {
    if (this.#looking || !waiting()) return;
    this.#looking = true;
    try {
      if ((await this.count()) > 0) this.seen();
      // Cells may have ended meanwhile, and their worker with them.
      else if (waiting() && ++this.#dry === LOOKS) this.#tellOfNone();
    } catch {
      // Redis is away, which is told elsewhere.
    } finally {
      this.#looking = false;
    }
  }

  /** A worker is there, as a look or its own report tells. */
  seen(): void {
    if (this.#dry >= LOOKS)
      this.tell('log', `a worker takes cells from the queue "${this.queue}"${this.#ever ? ' again' : ''}`);
    this.#dry = 0;
    this.#ever = true;
  }

  #tellOfNone(): void {
    const none = `no worker takes cells from the queue "${this.queue}" ${this.#ever ? 'any more' : 'yet'}`;
    this.tell('warn', `${none}: the sweep waits; start some: shield worker --queue ${this.queue}`);
  }
}
