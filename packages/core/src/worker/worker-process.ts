import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ShieldError, type ErrorCodeName } from '../errors/index.js';
import type { CellJob, CellOutcome, CellReport, CellWorker, SweepWork } from '../plugin/executor-contract.js';
import type { FromWorker, ToWorker } from './messages.js';

export interface WorkerProcessOptions {
  /** The script that workers are started by: see `ExecutorContext.program`. */
  readonly program: string;
  readonly work: SweepWork;
  /** What its reports call it. */
  readonly name: string;
  /** Of the backend, where a spec leaves it open; 0 for every core. */
  readonly threads: number;
  /** MiB of resident memory that it may have; 0 for no limit. */
  readonly memory: number;
  /** Seconds without a sign of life after which it is ended; 0 for never. */
  readonly hangAfter: number;
  readonly tell: (report: CellReport) => void;
}

const WATCH_EVERY_MS = 250;
/** A cell that is over its time limit stops by itself at its next checkpoint; one that does not is ended after this. */
const GRACE_SECONDS = 20;
/** One that was told to stop has so long. */
const STOP_WITHIN_MS = 15_000;
const STDERR_KEPT = 4000;

/**
 * A process that carries out cells, one at a time. It is watched: one that dies, hangs, or takes more memory or time
 * than it may, is ended, and its cell's outcome says so. It ends with this process, however that ends.
 */
export class WorkerProcess implements CellWorker {
  readonly #child: ChildProcess;
  #attempt: Attempt | undefined;
  #lastSign = performance.now();
  #rss = 0;
  #stderr = '';
  #gone: string | undefined;
  readonly #exited: Promise<void>;

  private constructor(private readonly options: WorkerProcessOptions) {
    const { program, threads, work } = options;
    this.#child = fork(program, ['worker', '--child', '--threads', String(threads)], {
      // Metrics may be NaN, which JSON does not know.
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = `${this.#stderr}${text}`.slice(-STDERR_KEPT);
    });
    this.#child.on('message', (message: FromWorker) => this.#heard(message));
    this.#exited = new Promise((resolve) => {
      const ended = (how: string) => {
        this.#gone ??= how;
        this.#lost();
        resolve();
      };
      this.#child.on('error', (error) => ended(error.message));
      this.#child.on('exit', (code, signal) =>
        ended(signal ? `it was killed by ${signal}` : `it left with code ${code}`),
      );
    });
    this.#send({ type: 'work', work });
  }

  static start(options: WorkerProcessOptions): WorkerProcess {
    return new WorkerProcess(options);
  }

  /** Whether it can be given another cell. */
  get usable(): boolean {
    return this.#gone === undefined && this.#attempt === undefined;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** See `Executor.execute`; never rejects. */
  async execute(job: CellJob, signal: AbortSignal): Promise<CellOutcome> {
    if (signal.aborted) return interrupted(0);
    const of = job.shard ? { shard: job.shard } : {};
    this.options.tell({ type: 'started', cell: job.cell, ...of, worker: this.options.name });
    this.#lastSign = performance.now();
    const watch = setInterval(() => this.#watch(), WATCH_EVERY_MS);
    const stop = () => {
      this.#send({ type: 'stop' });
      setTimeout(() => this.#end('it did not stop when it was told to'), STOP_WITHIN_MS).unref();
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await new Promise<CellOutcome>((resolve) => {
        this.#attempt = { job, signal, began: performance.now(), resolve, run: job.resume };
        if (this.#gone !== undefined) this.#lost();
        else this.#send({ type: 'job', job });
      });
    } finally {
      this.#attempt = undefined;
      clearInterval(watch);
      signal.removeEventListener('abort', stop);
    }
  }

  /** Ends it; what it carries out is lost. */
  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MS);
    await this.#exited;
    clearTimeout(patience);
  }

  #heard(message: FromWorker): void {
    this.#lastSign = performance.now();
    if (message.type === 'alive') this.#rss = message.rss;
    else if (message.type === 'report') {
      const { report } = message;
      if (report.type === 'run' && this.#attempt) this.#attempt.run = report.run;
      this.options.tell(report);
    } else if (message.type === 'outcome') this.#attempt?.resolve(message.outcome);
  }

  #watch(): void {
    const { memory, hangAfter } = this.options;
    const attempt = this.#attempt;
    if (!attempt) return;
    const resident = residentMiB(this.#child.pid) ?? this.#rss / 2 ** 20;
    if (memory > 0 && resident > memory) {
      const reason = `a worker used ${Math.round(resident)} MiB, and may use ${memory}`;
      this.#end(reason, 'OUT_OF_MEMORY');
    }
    const silent = (performance.now() - this.#lastSign) / 1000;
    if (hangAfter > 0 && silent > hangAfter) this.#end(`it gave no sign of life for ${Math.round(silent)} s`);
    const { timeLimit } = attempt.job;
    const seconds = (performance.now() - attempt.began) / 1000;
    if (timeLimit > 0 && seconds > timeLimit + GRACE_SECONDS)
      this.#end(`the cell was ended after ${Math.round(seconds)} s, its limit is ${timeLimit}`, 'TIMEOUT');
  }

  #end(why: string, as?: 'OUT_OF_MEMORY' | 'TIMEOUT'): void {
    if (this.#gone !== undefined) return;
    this.#gone = why;
    if (this.#attempt && as) this.#attempt.as = as;
    this.#child.kill('SIGKILL');
  }

  /** The attempt of a process that is gone. */
  #lost(): void {
    const attempt = this.#attempt;
    if (!attempt) return;
    const { signal, began, run, resolve, as } = attempt;
    const seconds = (performance.now() - began) / 1000;
    if (signal.aborted) return resolve(interrupted(seconds, run));
    const found = { seconds, ...(run === undefined ? {} : { run }) };
    const reason = this.#gone!;
    if (as === 'TIMEOUT') return resolve({ state: 'TIMEOUT', error: { code: 'TIMEOUT', message: reason }, ...found });
    const heap = /JavaScript heap out of memory|std::bad_alloc/.exec(this.#stderr)?.[0];
    const code: ErrorCodeName = as ?? (heap ? 'OUT_OF_MEMORY' : 'WORKER_LOST');
    const { message, fix } = new ShieldError(code, { worker: this.options.name, reason: heap ?? reason });
    resolve({ state: 'FAILED', error: { code, message, fix }, ...found });
  }

  #send(message: ToWorker): void {
    // A channel that closes meanwhile is what `exit` tells.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }
}

interface Attempt {
  readonly job: CellJob;
  readonly signal: AbortSignal;
  readonly began: number;
  readonly resolve: (outcome: CellOutcome) => void;
  run: string | undefined;
  as?: 'OUT_OF_MEMORY' | 'TIMEOUT';
}

function interrupted(seconds: number, run?: string): CellOutcome {
  const error = { code: 'INTERRUPTED', message: 'it was told to stop' };
  return { state: 'INTERRUPTED', error, seconds, ...(run === undefined ? {} : { run }) };
}

/** As the kernel counts it, where /proc says; a process that is busy in one long operation cannot tell itself. */
function residentMiB(pid: number | undefined): number | undefined {
  try {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    return undefined;
  }
}
