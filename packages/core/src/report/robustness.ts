import type { CurveNorm, Summary } from '../pipeline/summary/summary.js';

/** How accurate a model is when each image may be changed by so much and no more. */
export interface RobustnessPoint {
  readonly attack: string;
  readonly norm: CurveNorm;
  /** l1 and l2 on [0, 1]; linf in 0-255 levels; l0 in pixels. */
  readonly radius: number;
  /** Share of all images that the model still gets right, in [0, 1]. */
  readonly accuracy: number;
}

/**
 * The whole curve of each attack: an image falls at the distance at which the attack fooled the model, as it left it
 * (float). For an attack that looks for the smallest change that is the model's robustness as far as the attack finds
 * it; for one with a fixed eps it falls within eps and says nothing below.
 */
export function robustnessCurves(summary: Summary): RobustnessPoint[] {
  const top1 = summary.clean.top['1'];
  if (!top1) return [];
  return Object.entries(summary.attacks).flatMap(([attack, { against, curve }]) => {
    // Behind a defense the image that falls may be right again in the next draw: no curve.
    if (against) return [];
    const { norm, distances } = curve;
    const point = (radius: number, fallen: number): RobustnessPoint => ({
      attack,
      norm,
      radius: norm === 'linf' ? 255 * radius : radius,
      accuracy: (top1.count - fallen) / top1.n,
    });
    const last = distances.map((distance, i) => [distance, i + 1] as const);
    return [
      point(0, 0),
      // Of several at one distance the last counts.
      ...last
        .filter(([distance], i) => distance !== last[i + 1]?.[0])
        .map(([distance, fallen]) => point(distance, fallen)),
    ];
  });
}

export function robustnessCsv(points: readonly RobustnessPoint[]): string {
  const rows = points.map(({ attack, norm, radius, accuracy }) => `${attack},${norm},${radius},${accuracy}`);
  return ['attack,norm,radius,accuracy', ...rows, ''].join('\n');
}
