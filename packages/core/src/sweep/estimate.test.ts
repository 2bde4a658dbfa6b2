import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { specRegistry } from '../testing/spec-plugins.js';
import { SWEPT_SPEC, planOf } from '../testing/sweep-specs.js';
import { estimateSweep } from './estimate.js';

const folder = mkdtempSync(join(tmpdir(), 'shield-estimate-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const estimate = async (sweep: string, overrides: string[] = ['dataset.limit=10']) => {
  const { cells } = await planOf(folder, `${SWEPT_SPEC}${sweep}`, overrides);
  return estimateSweep(cells, specRegistry());
};

/** Of sign and push, which cost a forward pass and a gradient each; 5 draws of one random defense. */
const ATTACK = { forwards: 1, gradients: 1 };
const EVALUATION = { attacked: 2, defended: 5 };

describe('the estimate of a sweep', () => {
  it('counts what cells share once: attacks of all defenses, and what no swept key bears on', async () => {
    const { cells, work, alone, steps } = await estimate(
      'sweep: { grid: { defenses.blocks.qualities: [[20], [40], [60]] } }\n',
    );
    const common = 2 * ATTACK.forwards + 1 + 2 * EVALUATION.attacked;
    const own = 3 * EVALUATION.defended;
    expect(work).toEqual({ forwards: 10 * (common + 3 * own), gradients: 10 * 2 });
    expect(alone).toEqual({ forwards: 10 * 3 * (common + own), gradients: 10 * 3 * 2 });
    // Two attacks; clean, sign and push as they are and through the defense.
    expect(steps).toEqual({ all: 3 * 8, once: 8 + 2 * 3 });
    expect(cells[0]!.shared).toEqual([]);
    expect(cells[2]!.shared.map(({ step, with: first }) => `${step} ${first}`)).toEqual([
      'clean: as it is 1',
      'attack sign 1',
      'attacked by sign: as it is and in 8 bits 1',
      'attack push 1',
      'attacked by push: as it is and in 8 bits 1',
    ]);
    expect(cells[2]!.work).toEqual({ forwards: 10 * own, gradients: 0 });
  });

  it('shares nothing between models, batches and parts of the data', async () => {
    for (const sweep of ['model.width: [8, 16]', 'batch: [4, 8]', 'dataset.skip: [0, 10]']) {
      const { cells, work, alone } = await estimate(`sweep: { grid: { ${sweep} } }\n`);
      expect(cells[1]!.shared, sweep).toEqual([]);
      expect(work).toEqual(alone);
    }
  });

  it('shares attacks that options without effect tell apart, and not those of another seed', async () => {
    const workers = await estimate('sweep: { grid: { defenses.blocks.workers: [1, 2] } }\n');
    expect(workers.cells[1]!.own).toEqual([]);
    const seeds = await estimate('sweep: { repeats: 2 }\n');
    expect(seeds.cells[1]!.own).toContain('attack sign');
    expect(seeds.cells[1]!.shared.map(({ step }) => step)).toEqual(['clean: as it is']);
  });

  it('counts one image of a data set that is taken whole, and says so', async () => {
    const { perImage, work, seconds } = await estimate('sweep: { grid: { attacks.sign.eps: [2, 4] } }\n', []);
    expect(perImage).toBe(true);
    expect(work.gradients).toBe(3);
    expect(seconds).toBeUndefined();
  });
});
