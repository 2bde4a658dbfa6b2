import type { ImageTrouble, Summary } from './summary/summary.js';

/** One line for each image that could not be used, and for the images on which an attack failed. */
export function imageTroubles({ dropped, unusable, attacks }: Summary): string[] {
  const named = ({ id, reason }: ImageTrouble) => `${id}: ${reason}`;
  return [
    ...dropped.map((each) => `left out ${named(each)}`),
    ...unusable.map((each) => `no answer to ${named(each)}; it counts as wrong and is not attacked`),
    ...Object.entries(attacks).flatMap(([name, { failures, failed }]) => {
      if (failures === 0) return [];
      const more = failures > failed.length ? ` … and ${failures - failed.length} more` : '';
      return [
        `${name} failed on ${failures} ${failures === 1 ? 'image' : 'images'}: ${failed.map(named).join('; ')}${more}`,
      ];
    }),
  ];
}
