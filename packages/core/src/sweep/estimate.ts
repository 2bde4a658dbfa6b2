import { imagesOf, plannedSteps, workOf, type PlannedStep } from '../execution/planned-steps.js';
import type { PluginRegistry } from '../plugin/registry.js';
import type { SweepCell } from './plan.js';
import type { Timings } from './timings.js';

/** What a sweep would do, what its cells share, and what that costs. */
export interface SweepEstimate {
  /** One for each cell, in their order. */
  readonly cells: readonly CellEstimate[];
  /** Passes of networks over images, at most; what several cells need counts once. */
  readonly work: Work;
  /** The same if every cell did all of its own. */
  readonly alone: Work;
  /** Steps of all cells, and those that are done. */
  readonly steps: { readonly all: number; readonly once: number };
  /** Whether a data set is taken whole, so that work is counted for one image of it. */
  readonly perImage: boolean;
  /** By earlier runs; absent where none tells. */
  readonly seconds?: number;
  /** Share of the work whose very steps were timed; the rest is reckoned from passes of the same network. */
  readonly timed: number;
}

export interface Work {
  readonly forwards: number;
  readonly gradients: number;
}

export interface CellEstimate {
  readonly cell: number;
  /** What it shares, by the cell that does it first. */
  readonly shared: readonly { readonly step: string; readonly with: number }[];
  /** What it is the first to do. */
  readonly own: readonly string[];
  readonly work: Work;
}

/** @param timings what earlier runs took */
export function estimateSweep(cells: readonly SweepCell[], registry: PluginRegistry, timings?: Timings): SweepEstimate {
  const first = new Map<string, number>();
  const sum = new Sum();
  const alone = new Sum();
  const told: CellEstimate[] = [];
  let [all, perImage, seconds, timed, worked] = [0, false, 0, 0, 0];
  let unknown = false;
  for (const { cell, resolved } of cells) {
    const images = imagesOf(resolved);
    if (images === undefined) perImage = true;
    const shared: { step: string; with: number }[] = [];
    const own: string[] = [];
    const cellSum = new Sum();
    const steps = plannedSteps(resolved, registry);
    const times = timings?.of(resolved, images);
    all += steps.length;
    for (const [i, step] of steps.entries()) {
      alone.add(step, images ?? 1);
      const before = first.get(step.key);
      if (before !== undefined) {
        if (before !== cell) shared.push({ step: step.step, with: before });
        continue;
      }
      first.set(step.key, cell);
      own.push(step.step);
      cellSum.add(step, images ?? 1);
      sum.add(step, images ?? 1);
      const time = times?.(step, i);
      const work = workOf(step) * (images ?? 1);
      worked += work;
      if (time === undefined) unknown ||= work > 0;
      else {
        seconds += time.seconds;
        if (time.exact) timed += work;
      }
    }
    told.push({ cell, shared, own, work: cellSum.work });
  }
  return {
    cells: told,
    work: sum.work,
    alone: alone.work,
    steps: { all, once: first.size },
    perImage,
    ...(timings && !unknown && !perImage ? { seconds } : {}),
    timed: worked > 0 ? timed / worked : 0,
  };
}

class Sum {
  #forwards = 0;
  #gradients = 0;

  add({ forwards, gradients }: PlannedStep, images: number): void {
    this.#forwards += forwards * images;
    this.#gradients += gradients * images;
  }

  get work(): Work {
    return { forwards: this.#forwards, gradients: this.#gradients };
  }
}
