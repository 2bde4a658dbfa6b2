import { ShieldError, ShieldErrors } from '../errors/index.js';
import type { OpenSpec } from '../spec/load-spec.js';
import type { Override } from '../spec/override.js';
import type { Point } from './points.js';

/**
 * All that is wrong with a cell. An override that cannot be applied ends the loading of it: what is wrong with the
 * others is found without it.
 *
 * @throws what is no fault of the spec
 */
export async function faultsOf(open: OpenSpec, overrides: readonly Override[], error: unknown): Promise<ShieldError[]> {
  const found = error instanceof ShieldErrors ? error.errors : error instanceof ShieldError ? [error] : undefined;
  if (!found) throw error;
  const refused = found.map(({ code, params }) => (isOfOverride(code) ? params['text'] : undefined));
  const left = overrides.filter(({ text }) => !refused.includes(text));
  if (left.length === overrides.length) return [...found];
  try {
    await open.load(left);
    return [...found];
  } catch (other) {
    return [...found, ...(await faultsOf(open, left, other))];
  }
}

/** What is wrong with cells, each fault once however many have it. */
export class CellFaults {
  readonly #cells: { readonly overrides: string; readonly ids: readonly string[] }[] = [];
  readonly #faults = new Map<string, { readonly fault: ShieldError; count: number }>();

  /** @param all how many cells there are */
  constructor(private readonly all: number) {}

  /** @param overrides of the cell, as they are typed */
  add(overrides: string, faults: readonly ShieldError[]): void {
    const named = new Map(faults.map((fault) => [idOf(fault), fault]));
    for (const [id, fault] of named) {
      const known = this.#faults.get(id);
      if (known) known.count++;
      else this.#faults.set(id, { fault, count: 1 });
    }
    this.#cells.push({ overrides, ids: [...named.keys()] });
  }

  /** What every cell has, as the spec has it before anything is swept, is the spec's fault; the others are the cells'. */
  async told(open: OpenSpec): Promise<ShieldError[]> {
    if (this.#cells.length === 0) return [];
    const alone = await this.#ofSpec(open);
    const own = this.#cells.filter(({ ids }) => ids.some((id) => !alone.has(id)));
    const [ofSpec, ofCells] = [true, false].map((is) =>
      [...this.#faults].flatMap(([id, { fault }]) => (alone.has(id) === is ? [fault] : [])),
    );
    if (own.length === 0) return ofSpec!;
    const params = { first: own[0]!.overrides, count: own.length, cells: this.all };
    return [...ofSpec!, new ShieldError('SWEEP_CELLS_INVALID', params), ...ofCells!];
  }

  async #ofSpec(open: OpenSpec): Promise<ReadonlySet<string>> {
    const everywhere = [...this.#faults].flatMap(([id, { count }]) => (count === this.all ? [id] : []));
    if (everywhere.length === 0) return new Set();
    try {
      await open.load();
      return new Set();
    } catch (error) {
      const found = new Set((await faultsOf(open, [], error)).map(idOf));
      return new Set(everywhere.filter((id) => found.has(id)));
    }
  }
}

function idOf({ message, where }: ShieldError): string {
  return JSON.stringify([message, where]);
}

function isOfOverride(code: string): boolean {
  return code === 'OVERRIDE_UNKNOWN_KEY' || code === 'OVERRIDE_SYNTAX';
}

/** An override that cannot be applied is a swept key that does not exist. */
export function atItsKey(fault: ShieldError, point: Point, overrides: readonly Override[]): ShieldError {
  if (!isOfOverride(fault.code)) return fault;
  const i = overrides.findIndex(({ text }) => text === fault.params['text']);
  if (i < 0) return fault;
  const { key, where } = point[i]!;
  if (fault.code === 'OVERRIDE_SYNTAX') {
    const params = {
      key,
      reason: `cannot be set: ${String(fault.params['reason'])}`,
      expected: 'name a key that the spec has',
    };
    return new ShieldError('SWEEP_INVALID', params, { where });
  }
  const params = {
    key,
    reason: 'does not exist',
    hint: fault.params['hint'],
    known: `the keys of the spec; write +${key} for one that is to be added`,
  };
  return new ShieldError('SWEEP_UNKNOWN_KEY', params, { where });
}
