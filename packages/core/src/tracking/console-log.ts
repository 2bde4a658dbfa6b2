import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { writeError } from '../errors/index.js';
import { plainLines } from './plain-lines.js';

type Write = typeof process.stdout.write;

/**
 * Copies what this process writes to stdout and stderr into a file, as plain lines without terminal control sequences,
 * while both go on to the terminal as they are. Native libraries that write past Node are not seen.
 */
export class ConsoleLog {
  readonly #fd: number;
  readonly #restore: (() => void)[] = [];
  readonly #streams: { end(): void }[] = [];
  #open = true;
  #written = false;

  private constructor(path: string) {
    this.#fd = openSync(path, 'a', 0o644);
  }

  /** @param path appended to; a resumed run goes on where it stopped. @throws WRITE_FAILED */
  static capture(path: string): ConsoleLog {
    let log: ConsoleLog;
    try {
      log = new ConsoleLog(path);
    } catch (error) {
      throw writeError(error, path);
    }
    log.#tap(process.stdout);
    log.#tap(process.stderr);
    return log;
  }

  /** Writes a text that the terminal does not show, such as a stack trace. */
  note(text: string): void {
    this.#put(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** Gives stdout and stderr back and writes what stands without a newline yet. */
  close(): void {
    if (!this.#open) return;
    for (const restore of this.#restore.reverse()) restore();
    for (const stream of this.#streams) stream.end();
    this.#open = false;
    try {
      if (this.#written) fsyncSync(this.#fd);
    } catch {
      // The log is a convenience: the journal holds what counts.
    }
    closeSync(this.#fd);
  }

  #tap(stream: NodeJS.WriteStream): void {
    const decoder = new StringDecoder('utf8');
    const lines = plainLines((line) => this.#put(line));
    const own = Object.getOwnPropertyDescriptor(stream, 'write');
    const original = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    const tapped = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      if (this.#open) lines.write(typeof chunk === 'string' ? chunk : decoder.write(Buffer.from(chunk)));
      return original(chunk, ...rest);
    };
    stream.write = tapped;
    this.#streams.push(lines);
    this.#restore.push(() => {
      // Somebody who tapped the stream after us keeps calling our function, which only passes on by then.
      if (stream.write !== tapped) return;
      if (own) Object.defineProperty(stream, 'write', own);
      else delete (stream as { write?: Write }).write;
    });
  }

  #put(text: string): void {
    if (!this.#open) return;
    this.#written = true;
    try {
      writeSync(this.#fd, text);
    } catch {
      // A full disk must not keep anything from the terminal.
    }
  }
}
