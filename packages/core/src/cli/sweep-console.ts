import { silentReporter, type Reporter } from '../pipeline/reporter.js';
import type { SweepContext } from '../execution/record-sweep.js';
import { PlanningLine } from '../report/planning-line.js';
import { SweepView } from '../report/sweep-view.js';
import { wrapFor } from '../report/wrap.js';
import type { SweepPlan } from '../sweep/plan.js';
import { SweepProgress } from '../sweep/progress.js';
import { readResults, resultsPath } from '../sweep/results.js';
import type { CellEvent } from '../tracking/events.js';

/** The way of a sweep's events: to how it stands, to the journal of its run, and to who looks on. */
export class SweepConsole {
  /** For lines that people are told, whoever looks on. */
  readonly reporter: Reporter;
  #progress: SweepProgress | undefined;
  #view: SweepView | undefined;
  #record: ((event: CellEvent) => void) | undefined;
  readonly #planning: PlanningLine | undefined;

  /** @param stream undefined where nobody looks on: warnings are told all the same */
  constructor(private readonly stream: NodeJS.WriteStream | undefined) {
    const line = (text: string) =>
      this.#view ? this.#view.line(text) : void process.stderr.write(`${wrapFor(process.stderr, text)}\n`);
    this.#planning = stream && new PlanningLine({ stream });
    this.reporter = {
      ...silentReporter,
      log: (message) => (stream ? line(message) : undefined),
      warn: (message) => line(`warning: ${message}`),
    };
  }

  /** How many cells are planned. */
  planned(done: number, of: number): void {
    this.#planning?.tell(done, of);
  }

  /** When all cells are planned, or none will be. */
  endPlanning(): void {
    this.#planning?.close();
  }

  /** Before the first event. */
  async begin(plan: SweepPlan, { run, tell }: Pick<SweepContext, 'run' | 'tell'>): Promise<void> {
    const progress = new SweepProgress(plan.cells.length);
    const results = await readResults(resultsPath(run.path));
    for (const { cell, key } of plan.cells) {
      const state = results.get(key)?.state;
      if (state !== undefined) progress.add(cell, state);
    }
    progress.begin(Date.now());
    this.#progress = progress;
    this.#record = tell;
    if (!this.stream) return;
    const cell = (n: number) => plan.cells[n - 1]?.overrides.join(' ') ?? '';
    this.#view = new SweepView(progress, { stream: this.stream, name: plan.name, cell });
  }

  tell(event: CellEvent): void {
    this.#record?.(event);
    this.#progress?.tell(event, Date.now());
    // An attempt that another one follows is told by a warning, which has the cause.
    if (event.phase !== 'retry') this.#view?.tell(event);
  }

  close(): void {
    this.#view?.close();
    this.#view = undefined;
  }
}
