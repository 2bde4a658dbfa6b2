import { readFile } from 'node:fs/promises';
import { didYouMean, reasonOf, ShieldError } from '../errors/index.js';
import type { LoadContext } from './contracts.js';
import { selectItems } from './select-items.js';

export interface ChooseOptions<T> {
  /** The plugin's name, for errors and for the stream of the shuffle. */
  readonly name: string;
  readonly of: (item: T) => { readonly id: string; readonly label: number };
  /** The number of a class that is written as a word (a wnid, a name). */
  readonly classNumber?: (word: string) => number | undefined;
}

interface Chosen {
  readonly only_classes?: readonly (number | string)[];
  readonly only_ids?: readonly string[] | string;
  readonly skip?: number;
}

/**
 * The items that the options which all datasets share leave, in their order: those of `only_classes` and `only_ids`,
 * then `shuffle`, `skip` and `limit`.
 *
 * @throws DATASET_INVALID for an id or a class that the dataset does not have, DATASET_MISSING for a list of ids that
 *   cannot be read, DATASET_EMPTY where nothing is left
 */
export async function chooseItems<T>(
  items: readonly T[],
  options: object,
  context: LoadContext,
  how: ChooseOptions<T>,
): Promise<readonly T[]> {
  const chosen = options as Chosen;
  const classes = classNumbers(chosen.only_classes ?? [], how);
  const ids = await idList(chosen.only_ids ?? [], context, how.name);
  let left = items;
  if (ids.size > 0) {
    left = left.filter((item) => ids.has(how.of(item).id));
    if (left.length < ids.size) refuseUnknown(items, ids, how);
  }
  if (classes.size > 0) left = left.filter((item) => classes.has(how.of(item).label));
  const selected = selectItems(left, options, () => context.random('shuffle', how.name));
  if (selected.length > 0) return selected;
  const reason =
    items.length === 0
      ? 'no images found'
      : left.length === 0
        ? `only_ids and only_classes leave none of its ${items.length} images`
        : `skip leaves none of its ${left.length} images`;
  throw new ShieldError('DATASET_EMPTY', { name: how.name, reason });
}

function classNumbers<T>(words: readonly (number | string)[], how: ChooseOptions<T>): Set<number> {
  return new Set(
    words.map((word) => {
      const number = typeof word === 'number' ? word : how.classNumber?.(word);
      if (number !== undefined) return number;
      throw new ShieldError('DATASET_INVALID', {
        name: how.name,
        reason: `"${word}" in only_classes is no class of it`,
        expected: 'write its number, its wnid or its name as the dataset has it',
      });
    }),
  );
}

/** @param given the ids, or the path of a text file with one a line */
async function idList(given: readonly string[] | string, context: LoadContext, name: string): Promise<Set<string>> {
  if (typeof given !== 'string') return new Set(given);
  if (given === '') return new Set();
  const path = context.resolvePath(given);
  try {
    const lines = (await readFile(path, 'utf8')).split('\n').map((line) => line.trim());
    context.opened(path);
    return new Set(lines.filter((line) => line !== ''));
  } catch (error) {
    const expected = 'only_ids is a list, or the path of a text file with one id a line';
    throw new ShieldError(
      'DATASET_MISSING',
      { name, path: `${path} (${reasonOf(error)})`, expected },
      { cause: error },
    );
  }
}

function refuseUnknown<T>(items: readonly T[], ids: ReadonlySet<string>, how: ChooseOptions<T>): void {
  const known = new Set(items.map((item) => how.of(item).id));
  const unknown = [...ids].filter((id) => !known.has(id));
  if (unknown.length === 0) return;
  const more = unknown.length > 3 ? ` and ${unknown.length - 3} more` : '';
  throw new ShieldError('DATASET_INVALID', {
    name: how.name,
    reason: `it has no image ${unknown.slice(0, 3).join(', ')}${more}, which only_ids names`,
    expected: `check only_ids${didYouMean(unknown[0]!, [...known].slice(0, 10_000))}`,
  });
}
