import { Random } from '@shield/core';
import { defenseConformance } from '@shield/core/testing';
import { describe, expect, it } from 'vitest';
import { lbfgs } from './lbfgs.js';
import { minimiseTotalVariation, totalVariationObjective } from './total-variation.js';
import tvm from './tvm.js';
import { floatImage, recorded } from './testing/recorded.js';

const defaults = { drop: 0.5, lambda_tv: 0.03, norm: 2, max_iter: 50 } as const;

/** The first channel of an image, and samples kept by the noise of another, as bench/record/defenses.py draws them. */
function drawnProblem(image: { data: Float32Array; height: number; width: number }, keptSeed: number) {
  const { height, width } = image;
  const first = (data: Float32Array) => Float64Array.from({ length: height * width }, (_, i) => data[3 * i]!);
  const kept = first(floatImage(keptSeed, height, width).data).map((value) => (value > 0.5 ? 1 : 0));
  return { plane: first(image.data), kept };
}

describe('tvm', () => {
  it('finds as small a value as SciPy did with ten times the steps', () => {
    const cases = recorded('tvm');
    expect(cases.length).toBeGreaterThan(3);
    for (const { image, options, figures } of cases) {
      const { height, width } = image;
      const { plane, kept } = drawnProblem(image, figures.kept_seed!);
      const given = { lambda: options.lambda_tv as number, norm: options.norm as 1 | 2, maxIterations: 300 };
      const { value } = minimiseTotalVariation(plane, kept, height, width, given);
      expect(value, JSON.stringify(options)).toBeLessThan(figures.objective! * 1.002);
      expect(value, JSON.stringify(options)).toBeGreaterThan(figures.objective! * 0.999);
    }
  });

  it.each([1, 2] as const)('descends along the derivative that differences show (norm %i)', (norm) => {
    for (const [height, width] of [
      [1, 1],
      [1, 6],
      [7, 1],
      [6, 9],
    ] as const) {
      const { plane, kept } = drawnProblem(floatImage(3, height, width), 8);
      const objective = totalVariationObjective(plane, kept, height, width, { lambda: 0.3, norm });
      const stream = new Random('tvm');
      const z = plane.map((value) => value + 0.1 * stream.normal());
      const gradient = new Float64Array(z.length);
      objective(z, gradient);
      const other = new Float64Array(z.length);
      for (let i = 0; i < z.length; i++) {
        const shifted = (by: number) =>
          objective(
            z.map((value, k) => (k === i ? value + by : value)),
            other,
          );
        expect((shifted(1e-6) - shifted(-1e-6)) / 2e-6).toBeCloseTo(gradient[i]!, 5);
      }
    }
  });

  it('knows nothing of what was dropped', async () => {
    const image = floatImage(6, 12, 10);
    const stream = new Random('tvm', 1);
    const dropped = image.data.map(() => (stream.uniform() < 0.5 ? 1 : 0));
    const other = { ...image, data: image.data.map((value, i) => (dropped[i] ? 1 - value : value)) };
    const { data } = await tvm.apply(image, defaults, new Random('tvm', 1));
    expect((await tvm.apply(other, defaults, new Random('tvm', 1))).data).toEqual(data);
  });

  it('gives the image back where nothing is dropped and variation is free', async () => {
    const image = floatImage(4, 9, 7);
    const { data } = await tvm.apply(image, { ...defaults, drop: 0, lambda_tv: 0 }, new Random('tvm'));
    expect([...data]).toEqual([...image.data]);
  });

  it('leaves one level as it is, whatever is dropped', async () => {
    const flat = { data: new Float32Array(8 * 9 * 3).fill(0.5), height: 8, width: 9 };
    const { data } = await tvm.apply(flat, { ...defaults, drop: 0.8 }, new Random('tvm'));
    for (const value of data) expect(value).toBeCloseTo(0.5, 4);
  });
});

describe('lbfgs', () => {
  it("finds Rosenbrock's valley and the foot of a kink", () => {
    const rosenbrock = (p: Float64Array, gradient: Float64Array) => {
      const [x, y] = [p[0]!, p[1]!];
      gradient.set([-400 * x * (y - x * x) - 2 * (1 - x), 200 * (y - x * x)]);
      return 100 * (y - x * x) ** 2 + (1 - x) ** 2;
    };
    const { point } = lbfgs(rosenbrock, Float64Array.of(-1.2, 1), { maxIterations: 200, tolerance: 0 });
    expect(point[0]).toBeCloseTo(1, 6);
    expect(point[1]).toBeCloseTo(1, 6);
    const kink = (p: Float64Array, gradient: Float64Array) => {
      gradient.set([Math.sign(p[0]! - 3), 2 * p[1]!]);
      return Math.abs(p[0]! - 3) + p[1]! ** 2;
    };
    const foot = lbfgs(kink, Float64Array.of(-2, 5), { maxIterations: 200, tolerance: 0 });
    expect(foot.value).toBeLessThan(1e-3);
  });

  it('never makes the value larger, however few steps it is given', () => {
    const { plane, kept } = drawnProblem(floatImage(4, 8, 8), 12);
    const objective = totalVariationObjective(plane, kept, 8, 8, { lambda: 0.5, norm: 1 });
    let last = Infinity;
    for (let maxIterations = 0; maxIterations < 30; maxIterations++) {
      const { value } = lbfgs(objective, plane, { maxIterations, tolerance: 0 });
      expect(value).toBeLessThanOrEqual(last);
      last = value;
    }
  });
});

describe('tvm conforms', () => {
  const variations = {
    drop: [{ drop: 0.1 }],
    lambda_tv: [{ lambda_tv: 0.5 }],
    norm: [{ norm: 1 }],
    max_iter: [{ max_iter: 1 }],
  };
  for (const { name, run } of defenseConformance(tvm, { variations })) it(name, run);
});
