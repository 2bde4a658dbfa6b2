import type { CellEvent } from '../tracking/events.js';

/** What one worker does just now. */
export interface WorkerState {
  readonly worker: string;
  readonly cell: number;
  /** Where it is a shard of the cell: `2/5`. */
  readonly shard?: string;
  /** ms since 1970. */
  readonly since: number;
  readonly stage?: string;
  readonly name?: string;
  readonly done?: number;
  readonly of?: number;
}

/** How a sweep stands, built from the events of its cells, live or read from the journal. */
export class SweepProgress {
  readonly #workers = new Map<string, WorkerState>();
  readonly #states = new Map<number, string>();
  /** How many have each of them. */
  readonly #counts = new Map<string, number>();
  /** When cells ended in this session, ms since 1970. */
  readonly #ends: number[] = [];
  #began: number | undefined;

  /** @param cells that the sweep has */
  constructor(readonly cells: number) {}

  /** Cells that were done before. */
  add(cell: number, state: string): void {
    this.#put(cell, state);
  }

  /** A session begins: who worked in the one before is gone, and its pace tells nothing. */
  begin(time: number): void {
    this.#workers.clear();
    this.#ends.length = 0;
    this.#began = time;
  }

  /** @param time ms since 1970 */
  tell(event: CellEvent, time: number): void {
    this.#began ??= time;
    const { cell, phase, shard } = event;
    const of = { cell, ...defined({ shard }) };
    const worker = event.worker ?? this.#of(event)?.worker ?? '1';
    if (phase === 'queued') this.#put(cell, undefined);
    else if (phase === 'started') {
      this.#leave(event);
      this.#workers.set(worker, { worker, ...of, since: time });
    } else if (phase === 'progress') {
      const { stage, name, done, of: total } = event;
      const since = this.#of(event)?.since ?? time;
      this.#workers.set(worker, { worker, ...of, since, ...defined({ stage, name, done, of: total }) });
    } else {
      this.#leave(event);
      if (phase !== 'ended' || shard !== undefined) return;
      this.#put(cell, event.state ?? 'FAILED');
      if (event.state !== 'INTERRUPTED') this.#ends.push(time);
    }
  }

  get workers(): readonly WorkerState[] {
    return [...this.#workers.values()].sort((a, b) => a.worker.localeCompare(b.worker, 'en', { numeric: true }));
  }

  get completed(): number {
    return this.#counts.get('COMPLETED') ?? 0;
  }

  /** Cells whose last word is another one; those that were interrupted have none. */
  get failed(): number {
    return this.#states.size - this.completed - (this.#counts.get('INTERRUPTED') ?? 0);
  }

  get left(): number {
    return this.cells - this.completed - this.failed;
  }

  /** Cells a minute in this session; undefined before the first one ended. */
  pace(now: number): number | undefined {
    const elapsed = now - (this.#began ?? now);
    return this.#ends.length === 0 || elapsed <= 0 ? undefined : (60_000 * this.#ends.length) / elapsed;
  }

  /** Seconds, at the pace of this session. */
  secondsLeft(now: number): number | undefined {
    const pace = this.pace(now);
    return pace === undefined ? undefined : (60 * this.left) / pace;
  }

  #of({ cell, shard }: CellEvent): WorkerState | undefined {
    return [...this.#workers.values()].find((each) => each.cell === cell && each.shard === shard);
  }

  #leave(event: CellEvent): void {
    const at = this.#of(event);
    if (at) this.#workers.delete(at.worker);
  }

  #put(cell: number, state: string | undefined): void {
    const before = this.#states.get(cell);
    if (before !== undefined) this.#counts.set(before, this.#counts.get(before)! - 1);
    if (state === undefined) this.#states.delete(cell);
    else {
      this.#states.set(cell, state);
      this.#counts.set(state, (this.#counts.get(state) ?? 0) + 1);
    }
  }
}

function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as never;
}
