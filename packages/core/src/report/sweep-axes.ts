import { ROUNDED, type AccuracyRow } from '../sweep/table.js';

/** How the accuracies of a sweep are laid out in a picture. */
export interface SweepAxes {
  readonly kind: 'lines' | 'heat' | 'scatter' | 'points';
  /** Key on the horizontal axis; undefined where nothing but whole plugins is swept. */
  readonly x: string | undefined;
  /** Second key of a heat map, or of points strewn over two numbers. */
  readonly y: string | undefined;
  /** Other keys, each combination of whose values has panels of its own. */
  readonly panels: readonly string[];
}

/** More panels than this are no picture. */
export const MOST_PANELS = 24;

/**
 * One swept number: lines over it; two: a heat map, or strewn points where most of its fields would be empty; more: lines over the one with the most values, and panels for the
 * others. Seeds are averaged over. Whole attacks and defenses have their names in every row already.
 */
export function sweepAxes(rows: readonly AccuracyRow[], keys: readonly string[]): SweepAxes | undefined {
  const varied = keys.filter((key) => key !== 'seed' && valuesOf(rows, key).length > 1);
  const named = varied.filter((key) => !namesPlugins(rows, key));
  const numbers = named.filter((key) => valuesOf(rows, key).every((value) => typeof value === 'number'));
  const others = named.filter((key) => !numbers.includes(key));
  if (varied.length === 0) return undefined;
  const [first, second] = numbers;
  if (first === undefined) return { kind: 'points', x: others[0], y: undefined, panels: others.slice(1) };
  if (second === undefined) return { kind: 'lines', x: first, y: undefined, panels: others };
  if (numbers.length === 2) {
    const kind = fills(rows, first, second) ? 'heat' : 'scatter';
    return { kind, x: first, y: second, panels: others };
  }
  const longest = [...numbers].sort((a, b) => valuesOf(rows, b).length - valuesOf(rows, a).length)[0]!;
  return { kind: 'lines', x: longest, y: undefined, panels: named.filter((key) => key !== longest) };
}

/** The values that a key takes, in the order in which they come. */
export function valuesOf(rows: readonly AccuracyRow[], key: string): unknown[] {
  const seen = new Map<string, unknown>();
  for (const { params } of rows) seen.set(JSON.stringify(params[key]), params[key]);
  return [...seen.values()].filter((value) => value !== undefined);
}

/** Whether points are at least half of a grid's: drawn ones are each at a place of its own. */
function fills(rows: readonly AccuracyRow[], x: string, y: string): boolean {
  const there = new Set(rows.map(({ params }) => JSON.stringify([params[x], params[y]])));
  return 2 * there.size >= valuesOf(rows, x).length * valuesOf(rows, y).length;
}

/** Whole attacks or defenses by their names; mappings, where no two of them go by one name in the rows. */
function namesPlugins(rows: readonly AccuracyRow[], key: string): boolean {
  if (key !== 'attack' && key !== 'defense') return false;
  if (valuesOf(rows, key).every((value) => typeof value === 'string')) return true;
  const valueOf = new Map<string, string>();
  return rows.every((row) => {
    const name = row[key];
    if (name === undefined || name === ROUNDED) return true;
    const value = JSON.stringify(row.params[key]);
    const before = valueOf.get(name);
    valueOf.set(name, value);
    return before === undefined || before === value;
  });
}

/** `defenses.jpeg.quality` → `jpeg quality` */
export function shortKey(key: string): string {
  const [first = '', ...rest] = key.split('.');
  return (
    ['attacks', 'defenses', 'attack', 'defense'].includes(first) && rest.length > 0 ? rest : [first, ...rest]
  ).join(' ');
}

/** A swept value as pictures show it: `{ use: jpeg, quality: 20 }` → `jpeg quality 20` */
export function shortValue(value: unknown): string {
  if (Array.isArray(value)) return value.map(shortValue).join(', ');
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([key, member]) => (key === 'use' ? String(member) : `${key} ${shortValue(member)}`))
    .join(' ');
}

/** Ratios count, not differences: over so much of a range only they can be seen. */
export function isLogarithmic(values: readonly unknown[]): boolean {
  const numbers = values as number[];
  return Math.min(...numbers) > 0 && Math.max(...numbers) / Math.min(...numbers) > 50;
}
