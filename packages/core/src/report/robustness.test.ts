import { Type } from '@sinclair/typebox';
import { expect, it } from 'vitest';
import type { ImageResult } from '../pipeline/collect.js';
import type { PlannedAttack } from '../pipeline/context.js';
import { defineAttack } from '../plugin/define.js';
import { drawnOut, robustnessPlot } from './robustness-plot.js';
import { RobustnessCounter, robustnessCsv, robustnessLines } from './robustness.js';

const planned = (name: string, norm: 'l2' | 'linf', options: object = {}, more: object = {}): PlannedAttack => ({
  name,
  of: name,
  plugin: defineAttack({
    ...{ name: 'step', summary: '', norm, targeted: false, needs: 'gradients', random: false },
    ...{ options: Type.Object({}), cost: () => ({ forwards: 0, gradients: 1 }) },
    run: () => Promise.reject(new Error('it is never run')),
  }),
  options: { ...options },
  ...more,
});

/** An image of class 1: what each attack changed it by, and what the model names then. */
const image = (clean: number, fates: Record<string, [distance: number, named: number]>): ImageResult =>
  ({
    ...{ id: '', label: 1, clean: { top: [clean], p: 1 } },
    attacks: Object.fromEntries(
      Object.entries(fates).map(([name, [distance, top]]) => [
        name,
        { attacked: true, success: true, l2: distance, linf: distance, float: { top: [top], p: 1 } },
      ]),
    ),
  }) as unknown as ImageResult;

function curves(attacks: readonly PlannedAttack[], images: readonly ImageResult[]) {
  const counter = new RobustnessCounter(robustnessLines(attacks));
  for (const each of images) counter.add(each);
  const of = (name: string) =>
    counter.points.filter(({ attack }) => attack === name).map(({ radius, accuracy }) => [radius, accuracy]);
  return { points: counter.points, of };
}

const small = planned('small', 'l2');
const sign = planned('sign', 'linf', { eps: 4 });
const behind = planned('small_vs_jpeg', 'l2', {}, { of: 'small', against: { name: 'jpeg', steps: [] } });

it('accuracy falls with each image, from the clean one on; levels for L∞; not behind a defense', () => {
  const { points, of } = curves(
    [small, sign, behind],
    [
      image(1, { small: [0.25, 2], sign: [0.2, 1], small_vs_jpeg: [0.1, 2] }),
      image(1, { small: [0.1, 2], sign: [0.2, 2], small_vs_jpeg: [0.1, 2] }),
      image(1, { small: [0.25, 2], sign: [0.2, 1], small_vs_jpeg: [0.1, 2] }),
      image(1, {}),
      { id: 'broken', label: 0, dropped: 'cut off' },
    ],
  );
  expect(of('small')).toEqual([
    [0, 1],
    [0.1, 0.75],
    [0.25, 0.25],
  ]);
  expect(of('sign')).toEqual([
    [0, 1],
    [51, 0.75],
  ]);
  expect(of('small_vs_jpeg')).toEqual([]);
  expect(robustnessCsv(points).split('\n')[1]).toBe('small,l2,0,1');
});

it('an image that was wrong before it was attacked falls no second time', () => {
  const { of } = curves(
    [sign],
    [image(2, { sign: [0.2, 3] }), image(2, { sign: [0.2, 3] }), image(1, { sign: [0.2, 3] })],
  );
  expect(of('sign')).toEqual([
    [0, 1 / 3],
    [51, 0],
  ]);
});

it('a list of eps is one curve, and the attacks of a norm together are one', () => {
  const attacks = [
    planned('pgd_eps51', 'linf', { eps: 51, steps: 5 }),
    planned('pgd_eps102', 'linf', { eps: 102, steps: 5 }),
    planned('other_eps51', 'linf', { eps: 51 }),
    small,
  ];
  const lines = robustnessLines(attacks);
  expect(lines.map(({ name, partOfFamily }) => [name, partOfFamily])).toEqual([
    ['pgd_eps51', true],
    ['pgd_eps102', true],
    ['other_eps51', false],
    ['small', false],
    ['pgd', false],
    ['all', false],
  ]);
  const { of } = curves(attacks, [
    image(1, { pgd_eps51: [0.2, 2], pgd_eps102: [0.4, 2], other_eps51: [0.2, 1] }),
    image(1, { pgd_eps51: [0.2, 1], pgd_eps102: [0.4, 2], other_eps51: [0.2, 1] }),
    image(1, { pgd_eps51: [0.2, 1], pgd_eps102: [0.4, 1], other_eps51: [0.2, 2] }),
    image(1, {}),
  ]);
  expect(of('pgd')).toEqual([
    [0, 1],
    [51, 0.75],
    [102, 0.5],
  ]);
  expect(of('all')).toEqual([
    [0, 1],
    [51, 0.5],
    [102, 0.25],
  ]);
});

it('draws a line an attack', async () => {
  const svg = await robustnessPlot(curves([small], [image(1, { small: [0.1, 2] })]).points);
  expect(svg).toMatch(/^<svg/);
  expect(svg).toContain('L2 of the change');
  expect(svg).toContain('small');
});

it('draws each curve on to one end, with the accuracy that its attack leaves', () => {
  const attacks = [planned('weak', 'linf', { eps: 4 }), planned('strong', 'linf', { eps: 51 })];
  const { points } = curves(attacks, [
    image(1, { weak: [0.2, 2], strong: [0.1, 2] }),
    image(1, { weak: [0.2, 1], strong: [0.2, 2] }),
  ]);
  const ends = drawnOut(points.filter(({ attack }) => attack !== 'all')).slice(-2);
  expect(ends.map((end) => [end.attack, end.accuracy])).toEqual([
    ['weak', 0.5],
    ['strong', 0],
  ]);
  for (const { radius } of ends) expect(radius).toBeCloseTo(53.55);
});
