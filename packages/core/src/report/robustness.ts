import type { ImageResult } from '../pipeline/collect.js';
import type { PlannedAttack } from '../pipeline/context.js';
import type { CurveNorm } from '../pipeline/summary/summary.js';
import { normOf } from '../plugin/attack-bound.js';
import { epsFamilies } from './eps-families.js';

/** How accurate a model is when each image may be changed by so much and no more. */
export interface RobustnessPoint {
  readonly attack: string;
  readonly norm: CurveNorm;
  /** l1 and l2 on [0, 1]; linf in 0-255 levels; l0 in pixels. */
  readonly radius: number;
  /** Share of all images that the model still gets right, in [0, 1]. */
  readonly accuracy: number;
}

/** A curve: that of one attack, or of several together, under which an image falls to the first that fells it. */
export interface RobustnessLine {
  readonly name: string;
  readonly norm: CurveNorm;
  readonly attacks: readonly string[];
  /** Whether another line has all of its points: in the csv, and not drawn. */
  readonly partOfFamily: boolean;
}

/** The name of the curve of all attacks of a norm together. */
export const ALL = 'all';

/**
 * A line for each attack, one for those that a list of eps made of one, and one for all of a norm together: the accuracy
 * that is left where each image meets the attack that is worst for it.
 */
export function robustnessLines(planned: readonly PlannedAttack[]): RobustnessLine[] {
  // Behind a defense the image that falls may be right again in the next draw: no curve.
  const alone = planned.filter(({ against }) => !against);
  const norms = new Map(alone.map(({ name, plugin, options }) => [name, curveNorm(normOf(plugin, options))]));
  const families = epsFamilies(alone);
  const inFamily = new Set(families.flatMap(({ attacks }) => attacks));
  const single = alone.map(({ name }): RobustnessLine => ({
    ...{ name, norm: norms.get(name)!, attacks: [name] },
    partOfFamily: inFamily.has(name),
  }));
  const joined = families.map(({ name, attacks }): RobustnessLine => ({
    ...{ name, norm: norms.get(attacks[0]!)!, attacks },
    partOfFamily: false,
  }));
  const lines = [...single, ...joined];
  if (lines.some(({ name }) => name === ALL)) return lines;
  const together = [...new Set(norms.values())].flatMap((norm): RobustnessLine[] => {
    const drawn = lines.filter((line) => line.norm === norm && !line.partOfFamily);
    const attacks = single.filter((line) => line.norm === norm).map(({ name }) => name);
    return drawn.length > 1 ? [{ name: ALL, norm, attacks, partOfFamily: false }] : [];
  });
  return [...lines, ...together];
}

/**
 * The whole curve of each line: an image that the model got right falls at the distance at which an attack made it
 * wrong, as it left it (float). For an attack that looks for the smallest change that is the model's robustness as far
 * as the attack finds it; for one with a fixed eps it falls within eps and says nothing below.
 */
export class RobustnessCounter {
  #images = 0;
  #right = 0;
  readonly #distances: readonly number[][];

  constructor(private readonly lines: readonly RobustnessLine[]) {
    this.#distances = lines.map(() => []);
  }

  add({ dropped, clean, label, attacks }: ImageResult): void {
    if (dropped !== undefined || clean === undefined) return;
    this.#images++;
    if (clean.top[0] !== label) return;
    this.#right++;
    for (const [i, line] of this.lines.entries()) {
      const fell = line.attacks.flatMap((name) => {
        const row = attacks?.[name];
        return row?.attacked && row.float.top[0] !== label && row.float.unusable === undefined ? [row[line.norm]] : [];
      });
      if (fell.length > 0) this.#distances[i]!.push(Math.min(...fell));
    }
  }

  get points(): RobustnessPoint[] {
    return this.lines.flatMap(({ name, norm }, i) => {
      const distances = Float64Array.from(this.#distances[i]!).sort();
      const point = (radius: number, fallen: number): RobustnessPoint => ({
        attack: name,
        norm,
        radius: norm === 'linf' ? 255 * radius : radius,
        accuracy: (this.#right - fallen) / this.#images,
      });
      const steps = Array.from(distances, (distance, k) => [distance, k + 1] as const)
        // Of several at one distance the last counts.
        .filter(([distance], k) => distance !== distances[k + 1]);
      return [point(0, 0), ...steps.map(([distance, fallen]) => point(distance, fallen))];
    });
  }
}

function curveNorm(norm: CurveNorm | 'none'): CurveNorm {
  return norm === 'none' ? 'l2' : norm;
}

export function robustnessCsv(points: readonly RobustnessPoint[]): string {
  const rows = points.map(({ attack, norm, radius, accuracy }) => `${attack},${norm},${radius},${accuracy}`);
  return ['attack,norm,radius,accuracy', ...rows, ''].join('\n');
}
