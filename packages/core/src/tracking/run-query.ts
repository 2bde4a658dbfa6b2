import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';
import { ShieldError } from '../errors/index.js';
import type { ListedRun, Run } from './runs-folder.js';

export type Metrics = Readonly<Record<string, number>>;

/** What a run can be asked for: a fact of its own, a metric, or a value of its resolved spec. */
export interface Answers {
  readonly run: ListedRun;
  metric(key: string): number | undefined;
  /** By any key: `state`, `name`, `clean/top1`, `attacks.cw_l2.confidence`. */
  value(key: string): unknown;
}

/** Reads a run's files when they are first asked for: most lists need none of them. */
export function answers(run: ListedRun): Answers {
  let metrics: Metrics | undefined;
  let spec: unknown;
  const metric = (key: string) => (metrics ??= readMetrics(run))[key];
  return {
    run,
    metric,
    value: (key) => {
      const fact = ownFact(run, key);
      if (fact !== undefined) return fact;
      return metric(key) ?? at((spec ??= readSpec(run)), key.split('.'));
    },
  };
}

/** The numbers of metrics.json; none where the run has not come so far. */
export function readMetrics(run: Run): Metrics {
  try {
    return JSON.parse(readFileSync(run.files.metrics, 'utf8')) as Metrics;
  } catch {
    return {};
  }
}

type Test = (of: Answers) => boolean;

const CONDITION = /^\s*([^=<>!~\s]+)\s*(<=|>=|!=|==?|<|>|~)\s*(.*?)\s*$/s;

/** `KEY=value` with any of = != < <= > >= ~ (~: is part of the text), or what is wrong with the text. */
export function parseCondition(text: string): { readonly key: string; holds(value: unknown): boolean } | string {
  const [, key, operator, wanted] = CONDITION.exec(text) ?? [];
  if (key === undefined || operator === undefined || wanted === undefined) {
    return `"${text}" cannot be read: write key=value, with one of = != < <= > >= ~`;
  }
  if (/[<>]/.test(operator) && (wanted === '' || Number.isNaN(Number(wanted)))) {
    return `"${text}" compares with "${wanted}", which is no number`;
  }
  return { key, holds: (value) => holds(value, operator === '==' ? '=' : operator, wanted) };
}

/**
 * A condition such as `state=FAILED`, `name~slq`, `clean/top1>=0.8` or `attacks.cw_l2.confidence=10`; `~` asks whether
 * a text is part of the value. A run without the key fails every condition but `!=`.
 *
 * @throws CLI_USAGE
 */
export function parseFilter(text: string): { readonly key: string; readonly test: Test } {
  const condition = parseCondition(text);
  if (typeof condition === 'string') throw new ShieldError('CLI_USAGE', { reason: `the filter ${condition}` });
  return { key: condition.key, test: (of) => condition.holds(of.value(condition.key)) };
}

function holds(value: unknown, operator: string, wanted: string): boolean {
  const text = asText(value);
  const same = text === wanted || (typeof value === 'number' && wanted !== '' && value === Number(wanted));
  if (operator === '!=') return !same;
  if (value === undefined) return false;
  if (operator === '=') return same;
  if (operator === '~') return text.includes(wanted);
  if (typeof value !== 'number') return false;
  const limit = Number(wanted);
  if (operator === '<') return value < limit;
  if (operator === '<=') return value <= limit;
  return operator === '>' ? value > limit : value >= limit;
}

/**
 * Sorts runs by a key: numbers with the largest first, texts from a to z, runs without it last.
 *
 * @returns a new array
 */
export function sortRuns(runs: readonly Answers[], key: string): Answers[] {
  const keyed = runs.map((run) => ({ run, value: run.value(key) }));
  const rank = (value: unknown) => (typeof value === 'number' ? 0 : value === undefined ? 2 : 1);
  keyed.sort(({ value: a }, { value: b }) => {
    if (typeof a === 'number' && typeof b === 'number') return b - a;
    if (rank(a) !== rank(b) || a === undefined) return rank(a) - rank(b);
    const [left, right] = [asText(a), asText(b)];
    return left < right ? -1 : left > right ? 1 : 0;
  });
  return keyed.map(({ run }) => run);
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}

function ownFact(run: ListedRun, key: string): string | number | undefined {
  if (key === 'cell') return run.cell;
  if (key === 'state') return run.state;
  if (key === 'created') return run.createdAt;
  if (key === 'id' || key === 'name' || key === 'hash' || key === 'sweep' || key === 'kind') return run[key];
  return undefined;
}

function readSpec(run: Run): unknown {
  try {
    // Loaded when a key of a spec is asked for, which lists seldom do.
    const { parse } = createRequire(import.meta.url)('yaml') as typeof Yaml;
    return parse(readFileSync(run.files.resolved, 'utf8')) as unknown;
  } catch {
    return {};
  }
}

function at(value: unknown, path: readonly string[]): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return value;
  return typeof value === 'object' && value !== null
    ? at((value as Readonly<Record<string, unknown>>)[first], rest)
    : undefined;
}
