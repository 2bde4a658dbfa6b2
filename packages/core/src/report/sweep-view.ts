import type { SweepProgress, WorkerState } from '../sweep/progress.js';
import type { CellEvent } from '../tracking/events.js';
import { duration } from './results-table.js';
import { wrapFor } from './wrap.js';

export interface SweepViewOptions {
  readonly stream: NodeJS.WriteStream;
  readonly name: string;
  /** What is swept in a cell, as it would be typed; cells count from 1. */
  readonly cell: (cell: number) => string;
  /** ms between two plain lines on the whole where the stream is no terminal. */
  readonly interval?: number;
}

const BAR = 16;
const REDRAW_MS = 100;
/** What most swept keys begin with. */
const SECTION = /(^| )\+{0,2}(?:attacks?|defenses?)\.(?=[^ ]+=)/g;
/** More workers than this are told by their number. */
const MOST_WORKERS = 12;

/**
 * One line for the whole sweep and one for each worker, drawn anew in their place on a terminal; elsewhere a plain
 * line when a cell begins and ends, and now and then one for the whole.
 */
export class SweepView {
  #drawn = 0;
  #last = -Infinity;
  readonly #clock: NodeJS.Timeout;

  constructor(
    private readonly progress: SweepProgress,
    private readonly options: SweepViewOptions,
  ) {
    const every = options.stream.isTTY ? 1000 : (options.interval ?? 30_000);
    this.#clock = setInterval(() => this.#tick(), every).unref();
  }

  /** After the progress heard of it. */
  tell(event: CellEvent): void {
    const { cell, phase, shard } = event;
    const part = shard === undefined ? '' : `, shard ${shard}`;
    // How a shard ended its cell will tell; that the sweep was stopped need not be told of each cell that waited.
    if (event.state === 'INTERRUPTED') return this.#draw(true);
    if (phase === 'retry' || (phase === 'ended' && shard === undefined)) {
      const failed = event.state !== 'COMPLETED';
      if (failed) this.line(`cell ${cell}${part} ${event.state ?? phase}: ${event.error?.message ?? ''}`);
      else if (!this.options.stream.isTTY) this.line(`cell ${cell} done, ${this.#whole(120, false)}`);
    } else if (phase === 'started' && !this.options.stream.isTTY) {
      this.line(`cell ${cell} of ${this.progress.cells}${part}: ${this.options.cell(cell)}`);
    }
    // Of cells that are queued there may be a million at once.
    this.#draw(phase !== 'progress' && phase !== 'queued');
  }

  /** A line that stays. */
  line(text: string): void {
    const { stream } = this.options;
    this.#erase();
    stream.write(`${wrapFor(stream, text)}\n`);
    this.#draw(true);
  }

  /** Takes the lines away: what comes now is the result. */
  close(): void {
    clearInterval(this.#clock);
    this.#erase();
    this.#last = Infinity;
  }

  /** The lines as they stand, cut to a width. */
  lines(width: number, now = Date.now()): string[] {
    const { workers } = this.progress;
    const shown = workers.slice(0, MOST_WORKERS);
    const more = workers.length - shown.length;
    return [
      this.#whole(width, true, now),
      ...shown.map((worker) => this.#worker(worker, now, width)),
      ...(more > 0 ? [`  and ${more} more workers`] : []),
    ];
  }

  #tick(): void {
    if (this.options.stream.isTTY) this.#draw(true);
    else this.line(`${this.options.name}: ${this.#whole(120, false)}`);
  }

  #draw(now: boolean): void {
    const { stream } = this.options;
    if (!stream.isTTY || (!now && performance.now() - this.#last < REDRAW_MS) || this.#last === Infinity) return;
    this.#last = performance.now();
    this.#erase();
    const lines = this.lines(stream.columns);
    stream.write(lines.map((line) => `${line}\n`).join(''));
    this.#drawn = lines.length;
  }

  #erase(): void {
    if (this.#drawn > 0) this.options.stream.write(`\u001b[${this.#drawn}A\u001b[0J`);
    this.#drawn = 0;
  }

  /** `quality-grid  ██████░░░░░░ 12/24  1 failed  2.3 cells/min  5m10 left` */
  #whole(width: number, drawn: boolean, now = Date.now()): string {
    const { progress } = this;
    const ended = progress.completed + progress.failed;
    const pace = progress.pace(now);
    const left = progress.secondsLeft(now);
    const parts = [
      `${ended}/${progress.cells}`,
      ...(progress.failed > 0 ? [`${progress.failed} failed`] : []),
      ...(pace === undefined ? [] : [paceOf(pace)]),
      ...(left === undefined || progress.left === 0 ? [] : [`${clock(left)} left`]),
    ];
    if (!drawn) return parts.join('  ');
    const room = width - 1 - [this.options.name, ...parts].join('  ').length - 2;
    const bar = Math.min(BAR, room);
    const filled = Math.floor((bar * ended) / Math.max(1, progress.cells));
    const drawing = bar >= 4 ? ['█'.repeat(filled) + '░'.repeat(bar - filled)] : [];
    return cut([this.options.name, ...drawing, ...parts].join('  '), width);
  }

  /** `  1  cell 13  attack fgsm 120/300  0:42  attack=fgsm defenses.jpeg.quality=40` */
  #worker({ worker, cell, shard, since, stage, name, done, of }: WorkerState, now: number, width: number): string {
    const count = done === undefined ? '' : ` ${Math.floor(done)}${of === undefined ? '' : `/${of}`}`;
    const doing = stage === undefined ? [] : [`${stage} ${name ?? ''}${count}`];
    const params = this.options.cell(cell);
    const part = shard === undefined ? '' : ` shard ${shard}`;
    const head = ['', worker, `cell ${cell}${part}`, ...doing, clock((now - since) / 1000)].join('  ');
    const line = `${head}  ${params}`;
    // Where there is no room for all of it, values tell more than the part of the spec that their keys begin with.
    return cut(line.length < width ? line : `${head}  ${params.replaceAll(SECTION, '$1')}`, width);
  }
}

function paceOf(cellsAMinute: number): string {
  if (cellsAMinute >= 60) return `${(cellsAMinute / 60).toFixed(1)} cells/s`;
  return cellsAMinute >= 1 ? `${cellsAMinute.toFixed(1)} cells/min` : `${(60 * cellsAMinute).toFixed(1)} cells/h`;
}

/** `42 s`, `12m03` */
export function clock(seconds: number): string {
  return seconds < 99.5 ? `${Math.round(seconds)} s` : duration(seconds);
}

function cut(line: string, width: number): string {
  return line.length > width - 1 ? `${line.slice(0, Math.max(0, width - 2))}…` : line;
}
