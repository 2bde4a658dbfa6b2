import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from '@shield/core';
import { sharedPath } from '@shield/core/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { inceptionV4 } from '../packages/models/src/inception-v4-network.js';
import { resNetV2 } from '../packages/models/src/resnet-v2.js';
import type { SlimNetwork } from '../packages/models/src/tf-slim-ops.js';
import { slimVariables } from '../packages/models/src/tf-slim-variables.js';
import { readLines, root, shield, temporaryFolder, type JsonResult } from './shield.js';

const records = sharedPath('golden/tfrecords/validation_jpeg.tfrecord');
if (!records) console.log('skipped: configs/paper on small TFRecords (no recordings here)');
const full = process.env['SHIELD_TEST_FULL'] === '1';

const folder = temporaryFolder();
const runs = temporaryFolder();
const paper = (name: string) => join(root, 'configs', 'paper', `${name}.yaml`);
const data = () => [`dataset.path=${join(folder, 'data')}`, 'dataset.limit=2', 'batch=2', 'execution.strip=0'];

/** Weights that let a signal through: as large as those that He et al. begin with, by a formula. */
function made(name: string, network: SlimNetwork): string {
  const tensors = new Map<string, { shape: number[]; data: Float32Array }>();
  for (const [variable, shape] of slimVariables(network, 1001)) {
    const size = shape.reduce((product, side) => product * side, 1);
    const fanIn = shape.slice(0, -1).reduce((product, side) => product * side, 1);
    const scale = variable.endsWith('weights') ? Math.sqrt(4 / fanIn) : 0.01;
    const values = Float32Array.from({ length: size }, (_, k) => scale * Math.sin(12.9898 * k + shape.length));
    tensors.set(variable, { shape: [...shape], data: /variance|gamma/.test(variable) ? values.fill(1) : values });
  }
  const path = join(folder, `${name}.safetensors`);
  writeFileSync(path, writeSafetensors(tensors));
  return path;
}

async function run(name: string, overrides: readonly string[]) {
  const outcome = await shield(['run', paper(name), '--json', ...data(), ...overrides], { runs });
  expect(outcome.code, outcome.stderr).toBe(0);
  return JSON.parse(outcome.stdout) as JsonResult;
}

describe.skipIf(!records)('configs/paper', () => {
  beforeAll(() => {
    mkdirSync(join(folder, 'data', 'validation'), { recursive: true });
    copyFileSync(records!, join(folder, 'data', 'validation', 'validation-00000-of-00128'));
  });

  test("the original's three commands: each takes up what the one before has left", async () => {
    const weights = [`model.weights=${made('resnet', resNetV2('resnet_v2_50', [3, 4, 6, 3]))}`];
    await run('attack', weights);
    const reused = ({ path }: JsonResult) =>
      readLines<{ type: string; stage?: string; phase?: string }>(join(path, 'journal.jsonl')).some(
        ({ type, stage, phase }) => type === 'stage' && stage === 'attack' && phase === 'reused',
      );
    expect(reused(await run('defend', weights))).toBe(true);
    const evaluated = await run('evaluate', weights);
    expect(reused(evaluated)).toBe(true);
    const { metrics } = evaluated;
    expect(metrics['attack/fgsm/attacked']).toBe(2);
    expect(metrics['attack/fgsm/linf_mean_all']! * 255).toBeCloseTo(16, 0);
    expect(metrics['defended/fgsm/jpeg80/top1']).toBeTypeOf('number');
  });

  test.runIf(full).each([
    ['resnet_v2_50', () => made('resnet', resNetV2('resnet_v2_50', [3, 4, 6, 3]))],
    ['inception_v4', () => made('inception', inceptionV4)],
  ] as const)('the tables for %s, with few iterations', { timeout: 1_200_000 }, async (name, weights) => {
    const few = ['attacks.cwl2.max_iterations=2', 'attacks.cwl2.search_steps=1', 'attacks.df.max_iterations=1'];
    const { metrics } = await run(name, [`model.weights=${weights()}`, ...few]);
    for (const attack of ['fgsm_eps4', 'fgsm_eps8', 'fgsm_eps16', 'ifgsm_eps4', 'ifgsm_eps8', 'df', 'cwl2'])
      for (const defense of ['middle', 'jpeg80', 'jpeg60', 'jpeg40', 'jpeg20', 'slq', 'median', 'tv'])
        expect(metrics, `${attack} ${defense}`).toHaveProperty([`defended/${attack}/${defense}/top1`]);
  });
});
