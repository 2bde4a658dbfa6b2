import type { ExecutorContext } from '@shield/core';
import { SlurmFailure } from './commands.js';

/** A controller that does not answer for a while: told once, and waited for with an end. */
export class Absence {
  #since: number | undefined;

  constructor(
    private readonly patience: number,
    private readonly context: Pick<ExecutorContext, 'tell'>,
  ) {}

  /** It answered. */
  over(): void {
    if (this.#since === undefined) return;
    this.#since = undefined;
    this.context.tell({ type: 'log', message: 'Slurm is back' });
  }

  /** It did not. @throws SlurmFailure after `patience` seconds of it */
  goesOn(reason: string): void {
    const { patience } = this;
    if (this.#since === undefined) {
      const waits = patience > 0 ? `for up to ${patience} s` : 'for it';
      const message = `Slurm is away: ${reason}; its jobs go on, and the sweep waits ${waits}`;
      this.context.tell({ type: 'warn', message });
    }
    this.#since ??= performance.now();
    if (patience > 0 && performance.now() - this.#since > 1000 * patience)
      throw new SlurmFailure('away', `${reason}, for ${patience} s by now (execution.patience)`);
  }
}
