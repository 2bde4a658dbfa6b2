import type { Reporter, StageInfo, StageReporter } from './reporter.js';

/** A stage that is shown from its first batch on: of one that finds all batches there is nothing to see. */
export class StageOnDemand {
  #shown: StageReporter | undefined;

  constructor(
    private readonly reporter: Reporter,
    private readonly info: StageInfo,
  ) {}

  begin(): void {
    this.#shown ??= this.reporter.stage(this.info);
  }

  update(done: number, note?: string): void {
    this.#shown?.update(done, note);
  }

  end(note?: string): void {
    this.#shown?.end(note);
  }
}
