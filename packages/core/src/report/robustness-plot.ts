import type { TopLevelSpec } from 'vega-lite';
import type { CurveNorm } from '../pipeline/summary/summary.js';
import { ALL, type RobustnessPoint } from './robustness.js';

const AXIS: Readonly<Record<CurveNorm, string>> = {
  l0: 'L0: changed pixels',
  l1: 'L1 of the change, pixels in [0, 1]',
  l2: 'L2 of the change, pixels in [0, 1]',
  linf: 'L∞ of the change, in levels of 255',
};

/** Accuracy against the size of the change, one picture a norm and one line an attack: SVG. */
export async function robustnessPlot(points: readonly RobustnessPoint[]): Promise<string> {
  const [{ compile }, { parse, View }] = await Promise.all([import('vega-lite'), import('vega')]);
  const norms = (['linf', 'l2', 'l1', 'l0'] as const).filter((norm) => points.some((point) => point.norm === norm));
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    hconcat: norms.map((norm) => ({
      width: 320,
      height: 240,
      data: { values: drawnOut(points.filter((point) => point.norm === norm)) as object[] },
      mark: { type: 'line', interpolate: 'step-after', point: false },
      encoding: {
        x: { field: 'radius', type: 'quantitative', title: AXIS[norm] },
        y: {
          field: 'accuracy',
          type: 'quantitative',
          title: 'accuracy',
          scale: { domain: [0, 1] },
          axis: { format: '%' },
        },
        color: { field: 'attack', type: 'nominal', title: null },
        // It lies on the curve of the attack that is worst, which is seen between its dashes.
        strokeDash: { condition: { test: `datum.attack === '${ALL}'`, value: [2, 4] }, value: [1, 0] },
      },
    })),
  };
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

/** A little beyond the largest change of all, so that one which fell there is seen falling. */
const BEYOND = 1.05;

/**
 * Curves of one norm, each drawn on to one end: an attack that has nothing larger to show leaves the accuracy where it is,
 * which a line that ends at its last step, under that of another attack, does not say.
 */
export function drawnOut(points: readonly RobustnessPoint[]): RobustnessPoint[] {
  const end = BEYOND * Math.max(...points.map(({ radius }) => radius));
  const last = new Map(points.map((point) => [point.attack, point]));
  return [...points, ...Array.from(last.values(), (point) => ({ ...point, radius: end }))];
}
