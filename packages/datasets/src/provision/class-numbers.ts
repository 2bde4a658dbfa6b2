import { imagenetIndex } from '../imagenet-classes.js';

export interface ClassNumbers {
  /** wnid → label as it is written: from 1, 0 being the background class. */
  readonly of: ReadonlyMap<string, number>;
  /** Whether they are ImageNet's own thousand. */
  readonly imagenet: boolean;
}

/**
 * Numbers classes by their wnids in order, from 1. Where all are among ImageNet's thousand, these are counted, whether
 * there are images of them or not, so that a part of ImageNet has the labels that networks know. (The published scripts
 * count the classes that they find: the same for the whole of it.)
 */
export function numberClasses(wnids: ReadonlySet<string>): ClassNumbers {
  const sorted = [...wnids].sort();
  const imagenet = sorted.every((wnid) => imagenetIndex(wnid) !== undefined);
  const of = new Map(sorted.map((wnid, i) => [wnid, imagenet ? imagenetIndex(wnid)! + 1 : i + 1]));
  return { of, imagenet };
}
