import type { Reporter, StageInfo, StageReporter } from '../pipeline/reporter.js';
import { duration } from './results-table.js';
import { wrapFor } from './wrap.js';

export interface TerminalOptions {
  readonly stream: NodeJS.WriteStream;
  readonly quiet: boolean;
  /** Milliseconds between two lines of one stage where the stream is not a terminal. */
  readonly lineInterval?: number;
}

const BAR = 18;
const NARROWEST_BAR = 4;
const REDRAW_MS = 80;

/** Width of plain lines, which go to files and logs. */
const PLAIN = 120;

/** A bar a stage on a terminal, plain lines elsewhere; warnings always show. */
export class TerminalReporter implements Reporter {
  readonly #stream: NodeJS.WriteStream;
  #open: Bar | undefined;

  constructor(private readonly options: TerminalOptions) {
    this.#stream = options.stream;
  }

  log(message: string): void {
    if (!this.options.quiet) this.#line(message);
  }

  warn(message: string): void {
    this.#line(`warning: ${message}`);
  }

  stage(info: StageInfo): StageReporter {
    if (this.options.quiet) return { update: () => undefined, end: () => undefined };
    const bar = new Bar(info);
    const interactive = this.#stream.isTTY;
    let last = interactive ? 0 : performance.now();
    this.#open = bar;
    return {
      update: (done, note) => {
        bar.set(done, note);
        const now = performance.now();
        if (now - last < (interactive ? REDRAW_MS : (this.options.lineInterval ?? 10_000))) return;
        last = now;
        if (interactive) this.#stream.write(`\r\u001b[2K${bar.line(this.#stream.columns)}`);
        else this.#stream.write(`${bar.line(PLAIN, false)}\n`);
      },
      end: (note) => {
        this.#open = undefined;
        bar.finish(note);
        this.#stream.write(
          `${interactive ? '\r\u001b[2K' : ''}${bar.line(interactive ? this.#stream.columns : PLAIN)}\n`,
        );
      },
    };
  }

  /** Ends an open bar's line, so that what follows starts on one of its own. */
  close(): void {
    if (this.#open && this.#stream.isTTY) this.#stream.write('\n');
    this.#open = undefined;
  }

  #line(text: string): void {
    const bar = this.#open;
    const message = wrapFor(this.#stream, text, 0);
    if (!this.#stream.isTTY || !bar) this.#stream.write(`${message}\n`);
    else this.#stream.write(`\r\u001b[2K${message}\n${bar.line(this.#stream.columns)}`);
  }
}

class Bar {
  readonly #started = performance.now();
  #done = 0;
  #note = '';
  #seconds: number | undefined;

  constructor(private readonly info: StageInfo) {}

  set(done: number, note?: string): void {
    this.#done = done;
    if (note !== undefined) this.#note = note;
  }

  finish(note?: string): void {
    this.#seconds = (performance.now() - this.#started) / 1000;
    if (this.info.total !== undefined) this.#done = this.info.total;
    if (note !== undefined) this.#note = note;
  }

  /** `attack cw_l2     ████████░░░░ 12/20  0.4 img/s  0:21 left  fooled 12/12`, cut to the width. */
  line(columns = 80, drawn = true): string {
    const { stage, name, total, unit = 'img' } = this.info;
    const elapsed = (performance.now() - this.#started) / 1000;
    const seconds = this.#seconds ?? elapsed;
    const rate = seconds > 0 ? this.#done / seconds : 0;
    const parts = [`${stage} ${name}`.padEnd(18)];
    parts.push(`${Math.floor(this.#done)}${total === undefined ? '' : `/${total}`}`);
    parts.push(`${rate.toFixed(rate < 10 ? 1 : 0)} ${unit}/s`);
    if (this.#seconds !== undefined) parts.push(`${duration(seconds)} s`);
    else if (total !== undefined && rate > 0) parts.push(`${duration((total - this.#done) / rate)} s left`);
    if (this.#note) parts.push(this.#note);
    if (drawn && total !== undefined && this.#seconds === undefined) {
      // The bar gives way to figures where there is not room for both.
      const width = Math.min(BAR, columns - 1 - parts.join('  ').length - 2);
      const filled = Math.min(width, Math.floor((width * this.#done) / Math.max(1, total)));
      if (width >= NARROWEST_BAR) parts.splice(1, 0, '█'.repeat(filled) + '░'.repeat(width - filled));
    }
    const line = parts.join('  ');
    return line.length > columns - 1 ? `${line.slice(0, Math.max(0, columns - 2))}…` : line;
  }
}
