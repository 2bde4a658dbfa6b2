import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { shield } from './resident.js';
import { expectError, readLines, runsIn, temporaryFolder } from './shield.js';
import type { JsonResult } from './shield.js';

/*
 * SHIELD in small: a network, two vaccinated ones, and their votes, from the command line.
 */

const folder = temporaryFolder();
const runs = temporaryFolder();
const DATA = 'backend: wasm\nbatch: 8\ndataset: { use: drawn, count: 12 }\n';

beforeAll(async () => {
  const path = join(folder, 'train.yaml');
  const train = 'train: { optimizer: adam, learning_rate: 0.001, epochs: 1 }\nperform: [train]\n';
  writeFileSync(
    path,
    `backend: wasm\ndataset: { use: drawn, split: train, count: 64 }\nmodel: { use: small_cnn }\n${train}`,
  );
  for (const [name, defense] of [
    ['soft', '[{use: median_filter}, {use: jpeg, quality: 60}]'],
    ['hard', '{use: jpeg, quality: 20}'],
  ]) {
    const { code, stderr } = await shield(['run', path, `name=${name}`, `defense=${defense}`], { runs });
    expect(code, stderr).toBe(0);
  }
});

function spec(members: string, more = ''): string {
  const path = join(folder, 'spec.yaml');
  const attack = 'attack: { use: fgsm, eps: 24 }\nevaluate: { draws: 2, top: [1] }\nexecution: { strip: 0 }\n';
  writeFileSync(path, `${DATA}model: { use: small_cnn }\n${attack}${more}ensemble:\n  members:\n${members}`);
  return path;
}

const weightsOf = (name: string) =>
  join(
    runsIn(runs).find((run) => run.includes(`-${name}-`))!,
    'weights.safetensors',
  );

interface Row {
  readonly attacks: {
    readonly fgsm: { readonly defended: { readonly ensemble: readonly { readonly votes: number[] }[] } };
  };
}

describe('an ensemble', () => {
  test('of networks by run:NAME, by path and by plugin votes, and is attacked adaptively', async () => {
    const copy = join(folder, 'hard.safetensors');
    writeFileSync(copy, readFileSync(weightsOf('hard')));
    const path = spec(
      `    - { name: soft, defense: { use: slq }, model: { use: 'run:soft' } }
    - { name: hard, defense: { use: slq }, model: { use: ./hard.safetensors } }
    - { name: own, defense: [{ use: bit_depth }, { use: jpeg }] }
`,
      'threat: { adaptive: { eot: 2 } }\n',
    );
    const { code, stdout, stderr } = await shield(['run', path, '--json'], { runs });
    expect(code, stderr).toBe(0);
    const { metrics, path: run } = JSON.parse(stdout) as JsonResult;
    // The two behind a random defense twice, the third once.
    expect(metrics['attack/fgsm_vs_ensemble/gradients']).toBe(5);
    for (const member of ['soft', 'hard', 'own']) {
      expect(metrics[`clean_defended/ensemble/members/${member}/top1`]).toBeGreaterThan(0.5);
      expect(metrics[`defended/fgsm/ensemble/members/${member}/agreement`]).toBeGreaterThan(0);
    }
    const rows = readLines<Row>(join(run, 'per-image.jsonl'));
    for (const { attacks } of rows)
      for (const { votes } of attacks.fgsm.defended.ensemble) expect(votes).toHaveLength(3);
    expect(readFileSync(join(run, 'resolved.yaml'), 'utf8')).toMatch(/weights: run:\d{8}-\d{6}-soft-/);
  });

  test('of networks that were trained on other classes is refused by name, at its place', async () => {
    const other = readFileSync(weightsOf('hard'), 'latin1').replace('square', 'sqaure');
    writeFileSync(join(folder, 'other.safetensors'), other, 'latin1');
    const path = spec(
      `    - { model: { use: 'run:soft' } }\n    - { name: odd, model: { use: ./other.safetensors } }\n`,
    );
    const outcome = await shield(['run', path, 'model.use=run:soft'], { runs });
    expectError(outcome, 1, 'CLASS_NAMES_DIFFER');
    expect(outcome.stderr).toMatch(/member ensemble\.odd .* is sqaure and square/);
    expect(outcome.stderr).toMatch(/spec\.yaml:\d+:\d+/);
  });

  test('a run that is not there, and an ensemble that is to be trained, are refused before anything is loaded', async () => {
    const missing = spec(`    - { model: { use: 'run:sofd' } }\n`);
    const outcome = await shield(['validate', missing], { runs });
    expectError(outcome, 2, 'RUN_NOT_FOUND');
    expect(outcome.stderr).toContain('"soft"');
    expectError(await shield(['validate', spec('    - {}\n'), 'perform=train'], { runs }), 2, 'SPEC_INVALID_VALUE');
  });
});
