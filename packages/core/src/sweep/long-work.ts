import { setImmediate as turn } from 'node:timers/promises';

export interface LongWorkOptions {
  /** Ends the work with its reason. */
  readonly signal?: AbortSignal;
  /** How far it is, now and then: so many of so many cells. */
  readonly progress?: (done: number, of: number) => void;
}

/** Work goes on for so long before others have their turn. */
const TURN_MS = 50;

/** Work on very many cells that lets others have their turn: signals are heard, and who looks on is told how far it is. */
export class LongWork {
  #last = performance.now();

  constructor(private readonly options: LongWorkOptions = {}) {}

  /** Whether others should have their {@link turn}: cheap enough to be asked for each cell. */
  get isDue(): boolean {
    return performance.now() - this.#last > TURN_MS;
  }

  /** @throws the reason of the signal, where it is aborted */
  async turn(done?: number, of?: number): Promise<void> {
    if (done !== undefined && of !== undefined) this.options.progress?.(done, of);
    await turn();
    this.options.signal?.throwIfAborted();
    this.#last = performance.now();
  }
}
