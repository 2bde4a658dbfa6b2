import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ShieldError, reasonOf } from '../errors/index.js';
import { parseCsv } from '../files/csv.js';
import { Random } from '../random/random.js';
import type { PredictionRow } from './rows.js';

/** `target:` of an attack. */
export type TargetOption = 'none' | 'random' | 'least_likely' | number | CsvTargets;

export interface CsvTargets {
  readonly csv: string;
  readonly id: string;
  readonly class: string;
  readonly offset: number;
}

/** The classes that a csv gives to images, by their ids, and the file's sha256. */
export interface TargetTable {
  readonly classes: ReadonlyMap<string, number>;
  readonly sha256: string;
}

/** @throws ATTACK_FAILED where the file cannot be read, has no such column or something other than class numbers */
export async function readTargets(attack: string, { csv, id, ...option }: CsvTargets): Promise<TargetTable> {
  const fail = (reason: string, expected: string) =>
    new ShieldError('ATTACK_FAILED', { name: attack, reason: `${csv}: ${reason}`, expected });
  let text: string;
  try {
    text = await readFile(csv, 'utf8');
  } catch (error) {
    throw fail(reasonOf(error), 'give the path of a csv file in target.csv');
  }
  const { header, rows } = csvOf(text, fail);
  for (const column of [id, option.class]) {
    if (!header.includes(column)) throw fail(`no column "${column}"`, `its columns are ${header.join(', ')}`);
  }
  const classes = new Map<string, number>();
  for (const row of rows) {
    const value = Number(row.get(option.class));
    if (!Number.isInteger(value) || row.get(option.class) === '')
      throw fail(`"${row.get(option.class)}" of ${row.get(id)} is not a class number`, 'mend that row');
    classes.set(row.get(id)!, value + option.offset);
  }
  return { classes, sha256: createHash('sha256').update(text).digest('hex') };
}

function csvOf(text: string, fail: (reason: string, expected: string) => ShieldError) {
  try {
    return parseCsv(text);
  } catch (error) {
    throw fail(reasonOf(error), 'mend that line');
  }
}

export interface TargetsInput {
  readonly name: string;
  readonly option: TargetOption;
  readonly table?: TargetTable;
  readonly seed: number;
  /** Classes of the dataset that the model knows. */
  readonly classes: number;
}

/**
 * The class that an image is to become; undefined where that is the class it is to get away from, which leaves it out.
 *
 * @throws ATTACK_FAILED for a class that does not exist, or an image that the csv does not name
 */
export function targetOf(input: TargetsInput, id: string, source: number, clean: PredictionRow): number | undefined {
  const { option, classes, seed, name, table } = input;
  if (option === 'random') {
    const drawn = new Random(seed, 'target', id).integer(classes - 1);
    return drawn < source ? drawn : drawn + 1;
  }
  const target =
    option === 'least_likely' ? clean.least! : typeof option === 'number' ? option : table?.classes.get(id);
  if (target === undefined) {
    const reason = `the csv gives ${id} no target`;
    throw new ShieldError('ATTACK_FAILED', { name, reason, expected: 'add a row for it, or check target.id' });
  }
  if (target < 0 || target >= classes) {
    const reason = `the target class ${target}${typeof option === 'object' ? ` of ${id}` : ''} does not exist`;
    const expected = `give a target from 0 to ${classes - 1}, or target: random`;
    throw new ShieldError('ATTACK_FAILED', { name, reason, expected });
  }
  return target === source ? undefined : target;
}
