import { expect, it } from 'vitest';
import type { ImageResult } from '../pipeline/collect.js';
import { proportion } from '../pipeline/summary/statistics.js';
import { PerClassCounter } from './per-class.js';

/** What is said of the clean image, of the attacked one, and of that behind a defense in each draw. */
const image = (label: number, clean: number, attacked: number, defended: readonly number[]): ImageResult =>
  ({
    ...{ id: '', label, clean: { top: [clean], p: 1 }, cleanDefended: {} },
    attacks: {
      fgsm: {
        ...{ attacked: true, float: { top: [attacked] }, rounded: { top: [attacked] } },
        defended: { slq: defended.map((each) => ({ top: [each] })) },
      },
    },
  }) as unknown as ImageResult;

function csvOf(images: readonly ImageResult[], names?: readonly string[]) {
  const counter = new PerClassCounter();
  for (const each of images) counter.add(each);
  return counter.csv(names)?.trimEnd().split('\n');
}

const images = [
  image(1, 1, 0, [1, 1]),
  image(0, 0, 0, [0, 0]),
  image(1, 1, 1, [0, 1]),
  image(0, 0, 1, [1, 1]),
  { id: 'broken', label: 7, dropped: 'cut off' },
];

it('tells each class and path with its interval, draws counting by their share', () => {
  const lines = csvOf(images, ['tench', 'dog, "spaniel"'])!;
  expect(lines[0]).toBe('class,name,path,images,accuracy,low,high');
  expect(lines.map((line) => line.replace(/,[^,]*,[^,]*$/, ''))).toEqual([
    'class,name,path,images,accuracy',
    '0,tench,clean,2,1',
    '0,tench,attacked/fgsm/float,2,0.5',
    '0,tench,attacked/fgsm/rounded,2,0.5',
    '0,tench,defended/fgsm/slq,2,0.5',
    '1,"dog, ""spaniel""",clean,2,1',
    '1,"dog, ""spaniel""",attacked/fgsm/float,2,0.5',
    '1,"dog, ""spaniel""",attacked/fgsm/rounded,2,0.5',
    '1,"dog, ""spaniel""",defended/fgsm/slq,2,0.75',
  ]);
  const { low, high } = proportion(1.5, 2, { squares: 1.25, draws: 2 });
  expect(lines.at(-1)).toMatch(new RegExp(`,0.75,${low},${high}$`));
});

it('says nothing of classes with an image each', () => {
  expect(csvOf(images.slice(0, 2))).toBeUndefined();
  expect(csvOf([])).toBeUndefined();
});
