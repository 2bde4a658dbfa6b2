import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What Python is asked; values of float32 go behind it. */
export interface Question {
  readonly op: 'load' | 'logits' | 'vjp';
  readonly [key: string]: unknown;
}

export interface Reply {
  readonly head: Readonly<Record<string, unknown>>;
  readonly values: Float32Array;
}

/** Of what it writes to standard error, the end is kept: it says why it ended. */
const LAST = 2000;
const LONGEST_HEAD = 2 ** 20;
/** What runs there. */
export const SERVE = fileURLToPath(new URL('../../python/serve.py', import.meta.url));

/** A Python process with one network, asked one question after another. */
export class PythonProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  #said = '';
  #received: Buffer[] = [];
  #length = 0;
  #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void } | undefined;
  #ended: Error | undefined;

  constructor(python: string) {
    // A process group of its own: Ctrl-C is for whoever asks, who ends it when the work at hand is done.
    this.#child = spawn(python, ['-u', SERVE], { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    this.#child.stdout.on('data', (part: Buffer) => this.#receive(part));
    this.#child.stderr
      .setEncoding('utf8')
      .on('data', (text: string) => (this.#said = (this.#said + text).slice(-LAST)));
    this.#child.stdin.on('error', () => undefined); // it has ended, which is told by its end
    this.#child.on('error', (error) => this.#end(error));
    this.#child.on('close', (code, signal) => this.#end(new Error(this.#lastWords(signal ?? `code ${code}`))));
  }

  /** @throws Error where it has ended, or ends, or takes longer than that */
  async ask(question: Question, values: Float32Array | undefined, timeoutMs: number): Promise<Reply> {
    if (this.#ended) throw this.#ended;
    const body = values ? Buffer.from(values.buffer, values.byteOffset, values.byteLength) : Buffer.alloc(0);
    const head = Buffer.from(JSON.stringify({ ...question, bytes: body.length }));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(head.length);
    const reply = new Promise<Reply>((resolve, reject) => (this.#waiting = { resolve, reject }));
    const late = setTimeout(() => {
      this.#end(new Error(`it gave no answer within ${timeoutMs / 1000} s`));
      this.#child.kill('SIGKILL');
    }, timeoutMs);
    for (const part of [length, head, body]) this.#child.stdin.write(part);
    try {
      return await reply;
    } finally {
      clearTimeout(late);
    }
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  #receive(part: Buffer): void {
    this.#received.push(part);
    this.#length += part.length;
    const head = this.#peek(4);
    if (!head) return;
    const headLength = head.readUInt32LE();
    if (headLength > LONGEST_HEAD) return this.#end(new Error('its answer is damaged'));
    const text = this.#peek(4 + headLength);
    if (!text) return;
    const told = JSON.parse(text.subarray(4).toString()) as Record<string, unknown>;
    const bytes = Number(told['bytes']);
    if (this.#length < 4 + headLength + bytes) return;
    const all = Buffer.concat(this.#received);
    this.#received = [];
    this.#length = 0;
    const values = new Float32Array(bytes / 4);
    Buffer.from(values.buffer).set(all.subarray(4 + headLength, 4 + headLength + bytes));
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve({ head: told, values });
  }

  /** The first bytes of what has come, once so many are there. */
  #peek(length: number): Buffer | undefined {
    if (this.#length < length) return undefined;
    if (this.#received[0]!.length < length) this.#received = [Buffer.concat(this.#received)];
    return this.#received[0]!.subarray(0, length);
  }

  #end(error: Error): void {
    this.#ended ??= error;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(this.#ended);
  }

  #lastWords(how: string): string {
    const line = this.#said.trim().split('\n').at(-1)?.trim();
    return line ? `it ended (${how}): ${line}` : `it ended (${how})`;
  }
}
