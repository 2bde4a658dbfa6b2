import { expect, it } from 'vitest';
import type { Summary } from '../pipeline/summary/summary.js';
import { proportion } from '../pipeline/summary/statistics.js';
import { robustnessCsv, robustnessCurves } from './robustness.js';
import { drawnOut, robustnessPlot } from './robustness-plot.js';

const attack = (norm: 'l2' | 'linf', distances: number[], against?: object) => ({
  curve: { norm, distances },
  ...(against ? { against } : {}),
});
const summary = {
  clean: { top: { '1': proportion(8, 10) } },
  attacks: {
    small: attack('l2', [0.1, 0.25, 0.25]),
    sign: attack('linf', [4 / 255]),
    small_vs_jpeg: attack('l2', [0.1], { attack: 'small', defense: 'jpeg' }),
  },
} as unknown as Summary;

it('accuracy falls with each image, from the clean one on; levels for L∞; not behind a defense', () => {
  const curves = robustnessCurves(summary);
  expect(curves.filter((point) => point.attack === 'small').map(({ radius, accuracy }) => [radius, accuracy])).toEqual([
    [0, 0.8],
    [0.1, 0.7],
    [0.25, 0.5],
  ]);
  expect(curves.at(-1)).toMatchObject({ attack: 'sign', norm: 'linf', accuracy: 0.7 });
  expect(curves.at(-1)!.radius).toBeCloseTo(4);
  expect(curves.every(({ attack }) => attack !== 'small_vs_jpeg')).toBe(true);
  expect(robustnessCsv(curves).split('\n')[1]).toBe('small,l2,0,0.8');
});

it('draws a line an attack', async () => {
  const svg = await robustnessPlot(robustnessCurves(summary));
  expect(svg).toMatch(/^<svg/);
  expect(svg).toContain('L2 of the change');
  expect(svg).toContain('small');
});

it('draws each curve on to one end, with the accuracy that its attack leaves', () => {
  const signs = { weak: attack('linf', [4 / 255]), strong: attack('linf', [1 / 255, 4 / 255, 4 / 255]) };
  const points = robustnessCurves({ ...summary, attacks: signs } as unknown as Summary);
  const ends = drawnOut(points).slice(points.length);
  expect(ends.map((end) => [end.attack, end.accuracy])).toEqual([
    ['weak', 0.7],
    ['strong', 0.5],
  ]);
  for (const { radius } of ends) expect(radius).toBeCloseTo(4.2);
});
