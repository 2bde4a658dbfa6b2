import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ShieldError } from '../errors/index.js';
import { machineMemory } from '../files/machine-memory.js';

/** A plan of fewer cells fits anywhere. */
const FEW_CELLS = 20_000;
/** What a cell takes is measured from one to the other: before, it is caches and compiled code that grow. */
const [FROM, TO] = [2000, 6000];
/** No cell takes less, in bytes. */
const LEAST = 400;
/** What the sweep takes until its tables are written, of what its cells take when they are planned; and for its plots. */
const BESIDE = 3.5;
const PLOTS = 100 * 2 ** 20;

/** @throws SWEEP_NO_MEMORY where no plan of so many cells can fit into memory */
export function needMemory(cells: number): void {
  need(cells * LEAST, cells);
}

/**
 * Tells that a plan will not fit into memory long before it is there: V8 would end the process in the middle of it with
 * a message of its own.
 */
export class PlanMemory {
  #from = 0;

  /** @throws SWEEP_NO_MEMORY */
  constructor(private readonly cells: number) {
    needMemory(cells);
  }

  /**
   * To be called before each cell.
   *
   * @param done cells that are planned
   * @throws SWEEP_NO_MEMORY
   */
  at(done: number): void {
    if (this.cells < FEW_CELLS) return;
    if (done === FROM) this.#from = heldBytes();
    else if (done === TO) {
      const held = heldBytes();
      const each = (held - this.#from) / (TO - FROM);
      need(held + BESIDE * each * (this.cells - TO) + PLOTS, this.cells);
    }
  }
}

function need(bytes: number, cells: number): void {
  const room = Math.min(getHeapStatistics().heap_size_limit, machineMemory());
  if (bytes <= room) return;
  const megabytes = Math.ceil((1.1 * bytes) / 2 ** 20);
  const more =
    megabytes * 2 ** 20 < machineMemory()
      ? `or let it have more: NODE_OPTIONS=--max-old-space-size=${megabytes}`
      : 'or go to a machine with more';
  const params = { cells: cells.toLocaleString('en'), needed: gigabytes(bytes), room: gigabytes(room), more };
  throw new ShieldError('SWEEP_NO_MEMORY', params);
}

function gigabytes(bytes: number): string {
  const value = bytes / 2 ** 30;
  return value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 });
}

/** Bytes of the heap that something refers to. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  setFlagsFromString('--no-expose-gc');
  return getHeapStatistics().used_heap_size;
}
