import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isForetold, metricNames } from '../packages/core/src/report/metric-names.js';
import { createShield } from '../src/index.js';
import { shield } from './resident.js';
import { expectError, readLines, SMOKE, temporaryFolder } from './shield.js';
import type { JsonResult } from './shield.js';

const folder = temporaryFolder();
const runs = temporaryFolder();
const SMALL = ['dataset.limit=12', 'batch=6', 'execution.strip=0', '~attacks.cw_l2', 'attacks.fgsm.eps=24'];

interface Row {
  readonly id: string;
  readonly attacks: Readonly<
    Record<
      string,
      { readonly attacked: boolean; readonly success: boolean; readonly l2: number; readonly gradients: number }
    >
  >;
}

async function run(...overrides: string[]) {
  const outcome = await shield(['run', SMOKE, '--json', ...SMALL, ...overrides], { runs });
  expect(outcome.code, outcome.stderr).toBe(0);
  const { metrics, path } = JSON.parse(outcome.stdout) as JsonResult;
  return { metrics, path, rows: readLines<Row>(join(path, 'per-image.jsonl')), stderr: outcome.stderr };
}

test('an attack without gradients that does what a weak one with gradients could not is warned of, and kept on record', async () => {
  const weak = '+attacks.pgd={use: pgd, eps: 24, steps: 2, step_size: 0.1, random_start: false}';
  const { stderr } = await run('~defenses', weak, '+attacks.square={use: square, eps: 24, queries: 60}');
  const said = stderr.replaceAll(/\s+/g, ' ');
  expect(said).toMatch(/square, which sees no gradient, fools the model on \d+ images where pgd does not/);
  expect(said).toMatch(/pgd fools the model on \d+ images?, fgsm with one step on \d+: gradients may be masked/);
  expect(said).not.toMatch(/where fgsm does not/);
  expect((await shield(['show', 'latest'], { runs })).stdout).toContain('warning: square, which sees no gradient');
});

describe('adaptive', () => {
  const against = [
    '~defenses',
    '++defenses.jpeg={use: jpeg, quality: 40}',
    '++defenses.slq={use: slq}',
    '++defenses.webp={use: webp, quality: 20}',
  ];

  test('every attack goes through every defense, beside the gray-box one, which it shares with others', async () => {
    const gray = await run(...against);
    const adaptive = await run(...against, 'threat={adaptive: {eot: 2}}');
    for (const defense of ['jpeg', 'slq', 'webp']) {
      const name = `fgsm_vs_${defense}`;
      const left = adaptive.metrics[`defended/${name}/${defense}/top1`]!;
      const weak = left > adaptive.metrics[`defended/fgsm/${defense}/top1`]!;
      // One step of a sign may well do worse than the same step without the defense: then that is said.
      expect(adaptive.stderr.includes(`fgsm against ${defense}: the adaptive attack leaves`)).toBe(weak);
      // Only a random defense is asked more than once a step.
      expect(adaptive.metrics[`attack/${name}/gradients`]).toBe(defense === 'slq' ? 2 : 1);
      expect(adaptive.metrics[`attack/${name}/success`]).toBeGreaterThan(0);
      expect(adaptive.metrics[`attack/${name}/success_rounded`]).toBeUndefined();
    }
    for (const [key, value] of Object.entries(gray.metrics)) expect(adaptive.metrics[key]).toBe(value);
    const told = await shield(['run', SMOKE, ...SMALL, ...against, 'threat={adaptive: {eot: 2}}'], { runs });
    expect(told.stdout.replaceAll(/\s+/g, ' ')).toContain(
      'way back: by their own gradients through jpeg, slq; by the identity (BPDA) through webp; ' +
        'where a defense draws, the mean of 2 draws a step (EOT)',
    );
    // Sweeps are compared by a metric that must be known by name before anything runs.
    const bare = await createShield();
    const { resolved } = await bare.load(SMOKE, [...SMALL, ...against, 'threat={adaptive: {eot: 2}}']);
    const foretold = metricNames(resolved, bare.registry)!;
    expect(foretold).toEqual(expect.arrayContaining(Object.keys(adaptive.metrics).filter(isForetold)));
    const artifacts = (path: string) =>
      readLines<{ type: string; stage?: string; name?: string; phase?: string }>(join(path, 'journal.jsonl'))
        .filter(({ type, stage, phase }) => type === 'stage' && stage === 'attack' && phase === 'reused')
        .map(({ name }) => name);
    expect(artifacts(adaptive.path)).toEqual(['fgsm']);
  });

  test('no gradient through the defense: said, and straight through it works', async () => {
    const plugin = join(folder, 'steps.ts');
    writeFileSync(
      plugin,
      `import { defineDefense } from '@shield/core';
import * as tf from '@tensorflow/tfjs-core';
import { Type } from '@sinclair/typebox';
export default defineDefense({
  name: 'steps', summary: 'four levels', takes: 'floats', random: false, options: Type.Object({}),
  gradient: (images) => tf.div(tf.round(tf.mul(images, 3)), 3),
  apply: ({ data, height, width }) => ({ data: Float32Array.from(data, (v) => Math.round(v * 3) / 3), height, width }),
});
`,
    );
    const spec = ['~defenses', '++defenses.steps={use: steps}', `plugins=[${plugin}]`];
    const blocked = await shield(['run', SMOKE, ...SMALL, ...spec, 'threat={adaptive: {}}'], { runs });
    expectError(blocked, 1, 'ADAPTIVE_NO_GRADIENT');
    // What was computed until then is not taken for a result when the run goes on.
    expectError(await shield(['resume', 'latest'], { runs }), 1, 'ADAPTIVE_NO_GRADIENT');
    const open = await run(...spec, 'threat={adaptive: {gradient: straight-through}}');
    expect(open.metrics['attack/fgsm_vs_steps/success']).toBeGreaterThan(0);
  });

  test('the resolved spec writes out what the threat takes by default', async () => {
    const { path } = await run('~defenses', '++defenses.round8={use: round8}', 'threat={adaptive: {}}');
    expect(readFileSync(join(path, 'resolved.yaml'), 'utf8')).toMatch(/adaptive:\s+eot: 10\s+gradient: own/);
  });
});

describe('black-box', () => {
  test('images made on the very same network are those of the gray-box attack', async () => {
    const gray = await run();
    const black = await run('threat={black-box: {model: {use: small_cnn}}}');
    const rows = (of: typeof black) => of.rows.map(({ attacks }) => attacks['fgsm']!);
    // The source is the attacked network, so both are fooled by the same images.
    expect(rows(black)).toEqual(
      rows(gray).map((row) => (row.attacked ? { ...row, successOnSource: row.success } : row)),
    );
    expect(black.metrics['attack/fgsm/success_on_source']).toBe(gray.metrics['attack/fgsm/success']);
    expect(black.metrics['attacked/fgsm/float/top1']).toBe(gray.metrics['attacked/fgsm/float/top1']);
  });
});
