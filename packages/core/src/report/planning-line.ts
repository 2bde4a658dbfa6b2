import { clock } from './sweep-view.js';

export interface PlanningLineOptions {
  readonly stream: NodeJS.WriteStream;
  /** ms before the first line: most plans are there at once. */
  readonly patience?: number;
  /** ms between two lines where the stream is no terminal. */
  readonly interval?: number;
}

const REDRAW_MS = 100;
/** The pace of less tells nothing. */
const PACE_MS = 1000;

/** How far the planning of a large sweep is: one line, drawn anew in its place on a terminal; elsewhere a line now and then. */
export class PlanningLine {
  readonly #began = performance.now();
  #last = -Infinity;
  #first: { readonly done: number; readonly at: number } | undefined;

  constructor(private readonly options: PlanningLineOptions) {}

  tell(done: number, of: number): void {
    const { stream, patience = 1000, interval = 10_000 } = this.options;
    const now = performance.now();
    const first = (this.#first ??= { done, at: now });
    if (now - this.#began < patience || now - this.#last < (stream.isTTY ? REDRAW_MS : interval)) return;
    this.#last = now;
    const [cells, ms] = [done - first.done, now - first.at];
    const left = cells > 0 && ms > PACE_MS ? `  ${clock((ms * (of - done)) / cells / 1000)} left` : '';
    const text = `planning: ${done.toLocaleString('en')} of ${of.toLocaleString('en')} cells${left}`;
    stream.write(stream.isTTY ? `\r\u001b[2K${text}` : `${text}\n`);
  }

  /** Takes the line away from a terminal. */
  close(): void {
    if (this.options.stream.isTTY && this.#last > 0) this.options.stream.write('\r\u001b[2K');
    this.#last = -Infinity;
  }
}
