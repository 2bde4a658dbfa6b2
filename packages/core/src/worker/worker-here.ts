import { setMaxListeners } from 'node:events';
import { Kept } from '../execution/kept/kept.js';
import type { PluginPackage } from '../execution/plugin-package.js';
import type { Shield } from '../execution/shield.js';
import type { CellJob, CellOutcome, CellReport, CellWorker, SweepWork } from '../plugin/executor-contract.js';
import { carryOut } from '../sweep/carry-out.js';
import { shieldOfWork } from './shield-of-work.js';

/**
 * Slots of one process that carries cells out itself: for light cells, which wait more than they compute (for a network
 * elsewhere, for a device). They share one backend and one event loop: a cell that computes keeps the others waiting, one
 * that takes all memory takes them along, and nobody watches them.
 */
export class SlotsHere {
  /** By the works' ids: what a sweep's plugins are loaded into serves all of its cells. */
  readonly #shields = new Map<string, Promise<Shield>>();
  readonly #kept = new Kept();

  constructor(
    private readonly plugins: readonly PluginPackage[],
    /** Of the backend, where a spec leaves it open. */
    private readonly threads: number,
  ) {
    // Every cell at work listens for the end of the process.
    setMaxListeners(0, process);
  }

  start(work: SweepWork, name: string, tell: (report: CellReport) => void): CellWorker {
    let shield = this.#shields.get(work.id);
    if (!shield) {
      const { plugins, threads } = this;
      this.#shields.set(work.id, (shield = shieldOfWork(work, { plugins, threads })));
      // What is wrong with it every cell says.
      shield.catch(() => undefined);
    }
    return new WorkerHere(shield, work, name, tell, this.#kept);
  }
}

class WorkerHere implements CellWorker {
  #busy = false;

  constructor(
    private readonly shield: Promise<Shield>,
    private readonly work: SweepWork,
    private readonly name: string,
    private readonly tell: (report: CellReport) => void,
    private readonly kept: Kept,
  ) {}

  get usable(): boolean {
    return !this.#busy;
  }

  async execute(job: CellJob, signal: AbortSignal): Promise<CellOutcome> {
    this.#busy = true;
    const { cell, shard } = job;
    this.tell({ type: 'started', cell, ...(shard ? { shard } : {}), worker: this.name });
    // Signals and the console are the process's own: many cells share them.
    const options = { ownsProcess: false, kept: this.kept };
    return carryOut(this.shield, this.work, job, signal, this.tell, options).finally(() => (this.#busy = false));
  }

  end(): Promise<void> {
    return Promise.resolve();
  }
}
