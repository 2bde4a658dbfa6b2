import { Type } from '@sinclair/typebox';
import { expect, it } from 'vitest';
import type { ImageResult } from '../pipeline/collect.js';
import type { PlannedAttack } from '../pipeline/context.js';
import { defineAttack } from '../plugin/define.js';
import { MaskingSigns } from './masking-signs.js';

const attack = (needs: 'gradients' | 'logits', gradients: number) =>
  defineAttack({
    ...{ name: needs, summary: '', norm: 'linf', targeted: false, needs, random: false },
    ...{ options: Type.Object({}), cost: () => ({ forwards: 0, gradients }) },
    run: () => Promise.reject(new Error('it is never run')),
  });
const planned = (name: string, plugin: PlannedAttack['plugin'], options: object, more: object = {}): PlannedAttack => ({
  ...{ name, of: name, plugin },
  options: { ...options },
  ...more,
});
const pgd = attack('gradients', 10);
const square = attack('logits', 0);

/** What the model, or the defended one in each draw, says of an image of class 1. */
const image = (fates: Record<string, number | number[]>): ImageResult =>
  ({
    ...{ id: '', label: 1, clean: { top: [1], p: 1 } },
    attacks: Object.fromEntries(
      Object.entries(fates).map(([name, top]) => [
        name,
        typeof top === 'number'
          ? { attacked: true, float: { top: [top] }, defended: {} }
          : { attacked: true, float: { top: [1] }, defended: { slq: top.map((each) => ({ top: [each] })) } },
      ]),
    ),
  }) as unknown as ImageResult;

function signs(attacks: readonly PlannedAttack[], images: readonly Record<string, number | number[]>[]): string[] {
  const counter = new MaskingSigns(attacks);
  for (const each of images) counter.add(image(each));
  return counter.warnings;
}

it('an attack without gradients that does what one with gradients could not is a sign, within one norm and bound', () => {
  const attacks = (eps: number, more: object = {}) => [
    planned('pgd', pgd, { eps: 4 }),
    planned('square', square, { eps, ...more }),
  ];
  const images = [
    { pgd: 1, square: 2 },
    { pgd: 2, square: 1 },
    { pgd: 2, square: 2 },
  ];
  expect(signs(attacks(4), images)).toEqual([
    expect.stringMatching(/^square, which sees no gradient, fools the model on 1 image where pgd does not: .*masked/),
  ]);
  expect(signs(attacks(4), images.slice(1))).toEqual([]);
  for (const other of [attacks(5), attacks(4, { norm: 'l2' }), attacks(4, { target: 'random' })])
    expect(signs(other, images)).toEqual([]);
  // One that looks for the smallest change may go as far as it likes.
  expect(signs([planned('pgd', pgd, {}), planned('square', square, { eps: 9 })], images)).toHaveLength(1);
});

it('behind a defense that draws counts what all draws say', () => {
  const against = { against: { name: 'slq', steps: [] } };
  const attacks = [planned('pgd', pgd, { eps: 4 }, against), planned('square', square, { eps: 4 }, against)];
  expect(signs(attacks, [{ pgd: [1, 1], square: [2, 2] }])).toHaveLength(1);
  expect(signs(attacks, [{ pgd: [1, 2], square: [2, 2] }])).toEqual([]);
  expect(signs(attacks, [{ pgd: [1, 1], square: [1, 2] }])).toEqual([]);
  expect(signs([planned('pgd', pgd, { eps: 4 }), attacks[1]!], [{ pgd: 1, square: [2, 2] }])).toEqual([]);
});

it('more room that does less, and one step that does more than many, are signs', () => {
  const wider = [planned('pgd_eps2', pgd, { eps: 2 }), planned('pgd_eps8', pgd, { eps: 8 })];
  expect(signs(wider, [{ pgd_eps2: 2, pgd_eps8: 1 }])).toEqual([
    expect.stringMatching(/^pgd_eps8 fools the model on 0 images, pgd_eps2 with less room on 1: /),
  ]);
  expect(
    signs(wider, [
      { pgd_eps2: 2, pgd_eps8: 1 },
      { pgd_eps2: 1, pgd_eps8: 2 },
    ]),
  ).toEqual([]);
  const behind = wider.map((attack) => ({
    ...attack,
    name: `${attack.name}_vs_slq`,
    against: { name: 'slq', steps: [] },
  }));
  expect(signs(behind, [{ pgd_eps2_vs_slq: [2, 2], pgd_eps8_vs_slq: [2, 1] }])).toEqual([
    expect.stringMatching(/^pgd_eps8_vs_slq fools the model on 0 images, pgd_eps2_vs_slq with less room on 1: /),
  ]);
  const steps = [planned('fgsm', attack('gradients', 1), { eps: 4 }), planned('pgd', pgd, { eps: 4 })];
  expect(signs(steps, [{ fgsm: 2, pgd: 1 }])).toEqual([
    expect.stringMatching(/^pgd fools the model on 0 images, fgsm with one step on 1: /),
  ]);
  expect(signs(steps, [{ fgsm: 2, pgd: 2 }])).toEqual([]);
});
