import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, truncateSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors } from '@shield/core';
import { describe, expect, test } from 'vitest';
import { shield } from './resident.js';
import { expectError, readJson, readLines, runsIn, start, temporaryFolder, until } from './shield.js';

/** A training of a second or two: small_cnn on a few drawn images that went through JPEG. */
function spec(folder: string, name: string, more = ''): string {
  const path = join(folder, `${name}.yaml`);
  const text = `name: ${name}
seed: 7
batch: 16
backend: wasm
model: { use: small_cnn, weights: random }
dataset: { use: drawn, split: train, count: 120, shuffle: true }
defense: { use: jpeg, quality: 40 }
perform: [train]
train: { optimizer: adam, learning_rate: 0.003, epochs: 3, validation: 24, flip: true, crop: 0.6 }
`;
  writeFileSync(path, text + more);
  return path;
}

const weights = (run: string) => readFileSync(join(run, 'weights.safetensors'));
/** Names and sha256 of the tensors in a weights file: `toEqual` takes seconds for their values. */
const tensorsOf = (file: Buffer) =>
  [...readSafetensors(new Uint8Array(file), '').tensors].map(([name, { shape, data }]) => [
    name,
    shape,
    createHash('sha256').update(data).digest('hex'),
  ]);
const checkpoints = (runs: string) => {
  const folder = join(runsIn(runs).at(-1) ?? '', 'checkpoints');
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith('epoch-')) : [];
};

describe('perform: [train]', () => {
  const folder = temporaryFolder();
  const runs = temporaryFolder();
  const undisturbed = temporaryFolder();
  const path = spec(folder, 'vaccinate');

  test('leaves weights with their provenance, checkpoints, curves, and metrics of every epoch', async () => {
    const { code, stderr } = await shield(['run', path], { runs: undisturbed });
    expect(code, stderr).toBe(0);
    const [run] = runsIn(undisturbed);
    const { metadata } = readSafetensors(new Uint8Array(weights(run!)), 'weights');
    expect(metadata).toMatchObject({ model: 'small_cnn', epoch: '3', classes: '10', seed: '7' });
    expect(JSON.parse(metadata['defense']!)).toMatchObject([{ use: 'jpeg', quality: 40 }]);
    expect(JSON.parse(metadata['options']!)).toMatchObject({ weights: 'random' });
    const inspected = await shield(['weights', 'inspect', join(run!, 'weights.safetensors')], { runs: undisturbed });
    expect(inspected.stdout).toMatch(/\n {2}defense: \[\{"use":"jpeg","quality":40/);
    // The last two and the best.
    expect(checkpoints(undisturbed).length).toBeGreaterThanOrEqual(2);
    expect(readFileSync(join(run!, 'training.svg'), 'utf8')).toContain('held out');
    expect(readFileSync(join(run!, 'training.png')).subarray(1, 4).toString()).toBe('PNG');
    const journal = readLines<{ type: string; key?: string; step?: number }>(join(run!, 'journal.jsonl'));
    const steps = journal.filter(({ key }) => key === 'train/validation_accuracy').map(({ step }) => step);
    expect(steps).toEqual([1, 2, 3]);
    expect(readJson<Record<string, number>>(join(run!, 'metrics.json'))['validation/accuracy']).toBeGreaterThan(0);
    expect(stderr).toMatch(/epoch 3\/3: loss \d\.\d+, [\d.]+ %, held out: loss/);
  });

  test('after kill -9 while a checkpoint is written, resume ends with the same weights, bit for bit', async () => {
    const { child, outcome } = start(['run', path], { runs });
    await until(() => checkpoints(runs).length >= 1);
    const run = runsIn(runs).at(-1)!;
    // The draft of the second one appears: dead before it is whole on the disk.
    const watcher = watch(join(run, 'checkpoints'), (_, name) => {
      if (name?.startsWith('.epoch-')) child.kill('SIGKILL');
    });
    expect(await outcome).toMatchObject({ code: null, signal: 'SIGKILL' });
    watcher.close();
    expect(checkpoints(runs)).toContain('epoch-001.safetensors');
    expect(existsSync(join(run, 'weights.safetensors'))).toBe(false);
    expectError(await shield(['validate', path, `model={use: 'run:vaccinate'}`], { runs }), 2, 'RUN_WITHOUT_WEIGHTS');
    // Had the kill come too late for that: half a draft, which nobody takes for a checkpoint.
    writeFileSync(join(run, 'checkpoints', '.epoch-009.safetensors.1-2'), 'half a checkpoint');
    const resumed = await shield(['resume', 'latest'], { runs });
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(/epochs 1 to \d are done|epoch 1 is done/);
    expect(readdirSync(join(run, 'checkpoints')).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(tensorsOf(weights(run))).toEqual(tensorsOf(weights(runsIn(undisturbed)[0]!)));
  });

  test('a damaged checkpoint is passed over for the one before, with a warning', async () => {
    const again = temporaryFolder();
    const { child, outcome } = start(['run', path], { runs: again });
    await until(() => checkpoints(again).length >= 2);
    child.kill('SIGKILL');
    await outcome;
    const run = runsIn(again).at(-1)!;
    const newest = checkpoints(again).at(-1)!;
    truncateSync(join(run, 'checkpoints', newest), 5000);
    const resumed = await shield(['resume', 'latest'], { runs: again });
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(/warning: the checkpoint of epoch \d is passed over/);
    expect(tensorsOf(weights(run))).toEqual(tensorsOf(weights(runsIn(undisturbed)[0]!)));
  });

  test('its weights serve in another spec by run:NAME, and as the start of another training', async () => {
    const table = join(folder, 'table.yaml');
    const text = `backend: wasm\nmodel: { use: 'run:vaccinate' }\ndataset: { use: drawn, count: 8 }\n`;
    writeFileSync(table, `${text}attack: { use: fgsm }\nexecution: { strip: 0 }\n`);
    const evaluated = await shield(['run', table, '--json'], { runs });
    expect(evaluated.code, evaluated.stderr).toBe(0);
    const next = await shield(['run', path, 'name=next', 'model.weights=run:vaccinate', 'train.epochs=1'], { runs });
    expect(next.code, next.stderr).toBe(0);
    const run = runsIn(runs).find((each) => each.includes('-next-'))!;
    const { metadata } = readSafetensors(new Uint8Array(weights(run)), '');
    expect(metadata['options']).toMatch(/"weights":"run:\d{8}-\d{6}-vaccinate-/);
  });

  test('a run that did not train has no weights, and another network has none of these', async () => {
    expectError(await shield(['validate', path, 'model.weights=run:table'], { runs }), 2, 'RUN_WITHOUT_WEIGHTS');
    expectError(await shield(['validate', path, 'model.weights=run:vacinate'], { runs }), 2, 'RUN_NOT_FOUND');
    const lite = `model={use: efficientnet_lite0, weights: 'run:vaccinate'}`;
    expectError(await shield(['validate', path, lite], { runs }), 1, 'WEIGHTS_INVALID');
  });

  test('labels that the classifier has no class for are refused before anything is trained', async () => {
    const outcome = await shield(['run', path, 'model.classes=4'], { runs });
    expectError(outcome, 1, 'LABEL_OUT_OF_RANGE');
    expect(checkpoints(runs)).toEqual([]);
  });

  test('a loss that is no number ends it, names the step, and leaves the last good checkpoint', async () => {
    const bad = await shield(['run', path, 'train.optimizer=sgd', 'train.learning_rate=1e30'], { runs });
    expectError(bad, 1, 'TRAINING_DIVERGED');
    expect(bad.stderr).toMatch(/became NaN at step \d/);
    expect(bad.stderr).toContain('no epoch was finished');
    expect(checkpoints(runs)).toEqual([]);
    // A decay that makes the weights six times as large each step: they overflow in the second epoch.
    const late = ['train.schedule=constant', 'train.weight_decay=2333'];
    const climbed = await shield(['run', path, ...late], { runs });
    expectError(climbed, 1, 'TRAINING_DIVERGED');
    expect(climbed.stderr).toContain('stand in');
    expect(climbed.stderr).toContain('epoch-001.safetensors');
    expect(checkpoints(runs)).toEqual(['epoch-001.safetensors']);
  });

  test('early stop: training ends when nothing gets better, with the weights of the best epoch', async () => {
    const args = ['train.patience=1', 'train.epochs=12', 'train.learning_rate=0.00000001'];
    const stopped = await shield(['run', path, ...args, 'name=early'], { runs });
    expect(stopped.code, stopped.stderr).toBe(0);
    expect(stopped.stderr).toMatch(/ended early, after epoch 2/);
    const run = runsIn(runs).find((each) => each.includes('-early-'))!;
    expect(readSafetensors(new Uint8Array(weights(run)), '').metadata['epoch']).toBe('1');
    expectError(await shield(['run', path, ...args, 'train.validation=0'], { runs }), 2, 'TRAINING_IMPOSSIBLE');
  });

  /** Two trainings of a network of 49 convolutions. */
  const full = process.env['SHIELD_TEST_FULL'] === '1';
  test.skipIf(!full)(
    'EfficientNet-Lite0, as graphs with batch statistics and dropout, resumes to the same bits',
    async () => {
      const lite = ['model={use: efficientnet_lite0, size: 64, classes: 10}', 'backend=node', 'execution.threads=2'];
      const args = ['run', path, ...lite, 'batch=8', 'train.optimizer=sgd', 'name=lite'];
      const [straight, broken] = [temporaryFolder(), temporaryFolder()];
      const whole = await shield(args, { runs: straight });
      expect(whole.code, whole.stderr).toBe(0);
      const { child, outcome } = start(args, { runs: broken });
      await until(() => checkpoints(broken).length >= 1);
      child.kill('SIGKILL');
      await outcome;
      const resumed = await shield(['resume', 'latest'], { runs: broken });
      expect(resumed.code, resumed.stderr).toBe(0);
      const tensors = (runsFolder: string) => tensorsOf(weights(runsIn(runsFolder)[0]!));
      expect(tensors(broken)).toEqual(tensors(straight));
    },
  );
});
