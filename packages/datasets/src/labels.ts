import { imagenetClasses, imagenetIndex } from './imagenet-classes.js';

/** Numbers beyond any data set's are a slip; they are refused later, against the model's classes. */
const MOST_NAMED = 100_000;

/** How the words that name classes (folders, csv labels) become numbers. */
export interface Labelling {
  /** The number of a word, or undefined where it names no class. */
  index(word: string): number | undefined;
  readonly classNames?: readonly string[];
}

/**
 * @param words all that occur
 * @param mapping word → number, as the spec writes it out, or the words in the order of their numbers; where it is
 *   empty, ImageNet's numbering if every word is one of its wnids, else the words in the order of their names from 0
 */
export function labelling(
  words: ReadonlySet<string>,
  mapping: Readonly<Record<string, number>> | readonly string[],
): Labelling {
  const given = Array.isArray(mapping) ? Object.fromEntries(mapping.map((word, i) => [word as string, i])) : mapping;
  if (Object.keys(given).length > 0) return byMapping(new Map(Object.entries(given as Record<string, number>)));
  if (words.size > 0 && [...words].every((word) => imagenetIndex(word) !== undefined)) {
    return { index: imagenetIndex, classNames: imagenetClasses().map((entry) => entry.name) };
  }
  return byMapping(new Map([...words].sort().map((word, i) => [word, i])));
}

function byMapping(numbers: ReadonlyMap<string, number>): Labelling {
  const highest = Math.max(-1, ...numbers.values());
  const index = (word: string) => numbers.get(word);
  if (highest > MOST_NAMED) return { index };
  const classNames = Array.from({ length: highest + 1 }, (_, i) => `class ${i}`);
  for (const [word, number] of numbers) classNames[number] = word;
  return { index, classNames };
}

/** The number that a wnid or a class's name has in a dataset with these classes, or undefined where it has none. */
export function classNumber(classNames: readonly string[] = []): (word: string) => number | undefined {
  return (word) => {
    const named = classNames.indexOf(word);
    return named >= 0 ? named : imagenetIndex(word);
  };
}
