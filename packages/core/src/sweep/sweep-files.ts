import { canonicalJson } from '../spec/canonical.js';
import { isMapping } from '../spec/plugin-places.js';
import { toYaml } from '../spec/to-yaml.js';
import type { LongWork } from './long-work.js';
import type { SweepCell, SweepPlan } from './plan.js';
import type { SweepRecord } from './sweep-record.js';

/*
 * The texts of a sweep's record, in parts: of a million cells the whole would be longer than a string can be.
 */

/** Cells whose text is one part. */
const AT_ONCE = 1000;
/** Texts of swept values that are kept: most cells have the values of others. */
const MOST_KEPT = 10_000;

/** What the resolved specs of all cells have in common. */
export async function commonOf(cells: readonly SweepCell[], work: LongWork): Promise<object> {
  let common: unknown = cells[0]!.resolved;
  for (const { resolved } of cells) {
    if (work.isDue) await work.turn();
    common = inBoth(common, resolved);
  }
  return common as object;
}

/** JSON with one cell a line. @param rest of the record, after its cells; `common` is left out of each cell's own */
export function* recordText(
  head: Omit<SweepRecord, 'cells'>,
  cells: readonly SweepCell[],
  common: unknown,
): Generator<string> {
  yield `${JSON.stringify(head, undefined, 1).replace(/\n\}$/, '')},\n "cells": [`;
  for (const [i, part] of parts(cells).entries()) {
    const lines = part.map(({ cell, key, params, resolved }) =>
      JSON.stringify({ cell, key, params, own: beside(common, resolved) }),
    );
    yield `${i === 0 ? '' : ','}\n  ${lines.join(',\n  ')}`;
  }
  yield '\n ]\n}\n';
}

/** YAML: what the resolved specs have in common, and every point. */
export function* resolvedText({ keys, settings, cells }: SweepPlan, common: object): Generator<string> {
  const sweep = { keys, cells: cells.length, ...settings };
  yield `${toYaml({ ...common, sweep } as never)}  points:\n`;
  const values = new ValueTexts();
  for (const part of parts(cells)) yield part.map(({ params }) => `    - ${values.of(params)}\n`).join('');
}

/** Members of mappings as YAML, those that were met before without asking again. */
class ValueTexts {
  readonly #known = new Map<string, string>();

  of(params: Readonly<Record<string, unknown>>): string {
    return Object.entries(params)
      .map(([key, value]) => this.#member(key, value))
      .join('\n      ');
  }

  #member(key: string, value: unknown): string {
    const id = `${key}=${JSON.stringify(value)}`;
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const text = toYaml({ [key]: value } as never)
      .trimEnd()
      .replaceAll('\n', '\n      ');
    if (this.#known.size >= MOST_KEPT) this.#known.clear();
    this.#known.set(id, text);
    return text;
  }
}

function parts(cells: readonly SweepCell[]): (readonly SweepCell[])[] {
  const count = Math.ceil(cells.length / AT_ONCE);
  return Array.from({ length: count }, (_, i) => cells.slice(i * AT_ONCE, (i + 1) * AT_ONCE));
}

/** The members of two mappings that are the same in both, at any depth. */
function inBoth(a: unknown, b: unknown): unknown {
  if (a === b) return a;
  if (!isMapping(a) || !isMapping(b)) return canonicalJson(a) === canonicalJson(b) ? a : undefined;
  return Object.fromEntries(
    Object.entries(a).flatMap(([key, value]) => {
      const same = key in b ? inBoth(value, b[key]) : undefined;
      return same === undefined ? [] : [[key, same]];
    }),
  );
}

/** The members of a value that another one lacks, at any depth; undefined where it lacks none. */
function beside(common: unknown, value: unknown): unknown {
  if (common === value) return undefined;
  if (!isMapping(common) || !isMapping(value))
    return canonicalJson(common) === canonicalJson(value) ? undefined : value;
  const own = Object.entries(value).flatMap(([key, member]) => {
    const rest = key in common ? beside(common[key], member) : member;
    return rest === undefined ? [] : [[key, rest] as const];
  });
  return own.length === 0 ? undefined : Object.fromEntries(own);
}
