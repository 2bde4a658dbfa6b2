import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { shield as tell } from './resident.js';
import { readJson, root, runsIn, shield, temporaryFolder, type Outcome } from './shield.js';

const EXAMPLE = join(root, 'examples', 'my-attack');

describe('examples/my-attack', () => {
  const elsewhere = temporaryFolder();

  test('runs from another working directory', async () => {
    const runs = join(elsewhere, 'runs');
    const { code, stdout, stderr } = await shield(['run', join(EXAMPLE, 'spec.yaml')], { runs, cwd: elsewhere });
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('nesterov_fgsm');
    const metrics = readJson<Record<string, number>>(join(runsIn(runs)[0]!, 'metrics.json'));
    // Ten small steps find what one large step of the same eps does not, and no pixel moves further.
    expect(metrics['attacked/nesterov_fgsm/float/top1']!).toBeLessThan(metrics['attacked/fgsm/float/top1']!);
    expect(metrics['attacked/nesterov_fgsm/float/top1']!).toBeLessThan(metrics['clean/top1']!);
  });

  test('a copy outside the project runs too, to the same numbers, and a changed copy to others', async () => {
    const runs = join(elsewhere, 'copied-runs');
    const copy = join(elsewhere, 'copy');
    cpSync(EXAMPLE, copy, { recursive: true });
    const attacked = async (...overrides: string[]) => {
      const { code, stderr } = await shield(['run', 'spec.yaml', ...overrides], { runs, cwd: copy });
      expect(code, stderr).toBe(0);
      return readJson<Record<string, number>>(join(runsIn(runs).at(-1)!, 'metrics.json'));
    };
    const original = readJson<Record<string, number>>(join(runsIn(join(elsewhere, 'runs'))[0]!, 'metrics.json'));
    const copied = await attacked();
    const numbers = Object.keys(copied).filter((key) => !key.includes('seconds'));
    expect(numbers.length).toBeGreaterThan(10);
    for (const key of numbers) expect([key, copied[key]]).toEqual([key, original[key]]);

    const weaker = await attacked('attacks.nesterov_fgsm.eps=1');
    expect(weaker['attacked/nesterov_fgsm/float/top1']!).toBeGreaterThan(copied['attacked/nesterov_fgsm/float/top1']!);
  });

  test('its options are told, and stand in the schema for editors', async () => {
    const load = [
      'plugins',
      '--load',
      join(EXAMPLE, 'my-attack.ts'),
      '--load',
      join(root, 'examples/webhook/webhook.ts'),
    ];
    const { stdout } = await tell([...load, 'nesterov_fgsm'], { runs: elsewhere });
    expect(stdout).toMatch(/^attack nesterov_fgsm: FGSM in small steps/);
    expect(stdout).toContain('share of the momentum');
    const schema = (await tell([...load, '--schema'], { runs: elsewhere })).stdout;
    expect(JSON.parse(schema)).toMatchObject({ type: 'object' });
    for (const name of ['nesterov_fgsm', 'cw_l2']) expect(schema).toContain(`"${name}"`);
    const missing = await tell(['plugins', '--load', 'nowhere.ts'], { runs: elsewhere });
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('PLUGIN_LOAD_FAILED')]);
  });

  test('shield validate finds nothing wrong with it', async () => {
    const { code, stderr } = await shield(['validate', join(EXAMPLE, 'spec.yaml')], { runs: elsewhere });
    expect(code, stderr).toBe(0);
  });
});

describe('the other examples run as their specs say', () => {
  const folder = temporaryFolder();
  const runs = join(folder, 'runs');
  const example = (name: string) => join(root, 'examples', name, 'spec.yaml');
  const metrics = () => readJson<Record<string, number>>(join(runsIn(runs).at(-1)!, 'metrics.json'));

  test('my-defense, under an attacker who knows it', async () => {
    const fewer = ['dataset.limit=6', 'attack.steps=2', 'threat.adaptive.eot=1', 'execution.strip=0'];
    const { code, stderr } = await shield(['run', example('my-defense'), ...fewer], { runs, cwd: folder });
    expect(code, stderr).toBe(0);
    expect(Object.keys(metrics())).toContain('defended/pgd_vs_smoothing_noise/smoothing_noise/top1');
  });

  test('my-dataset, trained on', async () => {
    const path = join(folder, 'data_batch_1.bin');
    const image = (label: number) => Buffer.concat([Buffer.from([label]), Buffer.alloc(3072, 20 * label)]);
    writeFileSync(path, Buffer.concat(Array.from({ length: 20 }, (_, i) => image(i % 10))));
    const small = [`dataset.path=${path}`, 'train.epochs=1', 'train.validation=4', 'batch=8'];
    const { code, stderr } = await shield(['run', example('my-dataset'), ...small], { runs, cwd: folder });
    expect(code, stderr).toBe(0);
    expect(runsIn(runs)).toHaveLength(2);
  });
});

describe('plugins that cannot be used: one error, exit 2, nothing left', () => {
  const folder = temporaryFolder();
  const runs = join(folder, 'runs');
  const attack = (name: string) => `
    import { defineAttack } from '@shield/core';
    import { Type } from '@sinclair/typebox';
    export default defineAttack({
      name: '${name}', summary: 'an attack that does nothing', norm: 'none', targeted: false, needs: 'nothing', random: false,
      options: Type.Object({}), cost: () => ({ forwards: 0, gradients: 0 }),
      run: async ({ images, labels }) => ({ images: images.clone(), iterations: new Int32Array(labels.length) }),
    });`;

  /** Runs a spec that names the files as its plugins. */
  async function runWith(files: Readonly<Record<string, string>>, plugins = Object.keys(files)): Promise<Outcome> {
    const here = join(folder, Object.keys(files)[0]?.replace(/\W/g, '-') ?? 'none');
    mkdirSync(here, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(here, name), text);
    writeFileSync(
      join(here, 'spec.yaml'),
      `name: broken\nplugins: [${plugins.map((name) => `./${name}`).join(', ')}]\nbackend: wasm\n` +
        'dataset: { use: drawn, limit: 4 }\nmodel: { use: small_cnn }\nattack: { use: fgsm }\ndefense: { use: round8 }\n',
    );
    return tell(['run', 'spec.yaml'], { runs, cwd: here });
  }

  test.each<[string, Record<string, string>, RegExp]>([
    ['throws on import', { 'throws.ts': "throw new Error('no licence found');" }, /throws\.ts.*no licence found/],
    ['is not TypeScript', { 'syntax.ts': 'export default {{{' }, /syntax\.ts/],
    ['imports what is not there', { 'import.ts': "import 'no-such-package-at-all';" }, /no-such-package-at-all/],
    ['exports nothing', { 'nothing.ts': 'const attack = 1;' }, /nothing\.ts.*exports no plugin/],
    ['exports what no defineX made', { 'plain.ts': "export default { name: 'plain', run() {} };" }, /plain\.ts/],
    ['has the name of a built-in', { 'again.ts': attack('fgsm') }, /"fgsm".*again\.ts/],
    ['has the alias of a built-in', { 'alias.ts': attack('cwl2') }, /cwl2/],
    ['has the name of another', { 'one.ts': attack('mine'), 'two.ts': attack('mine') }, /"mine".*one\.ts.*two\.ts/],
  ])('one that %s', async (_, files, expected) => {
    const { code, stdout, stderr } = await runWith(files);
    expect(stderr).toMatch(expected);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).not.toMatch(/^\s+at .*:\d+/m);
    expect(stderr.match(/\b(PLUGIN_[A-Z_]+)\b/g)).toHaveLength(1);
    // Where in the spec, so that an editor can go there.
    expect(stderr).toMatch(/spec\.yaml:2/);
    expect(existsSync(runs) ? runsIn(runs) : []).toEqual([]);
  });

  test('one that is not there', async () => {
    const { code, stderr } = await runWith({ 'there.ts': attack('there') }, ['ther.ts']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/PLUGIN_LOAD_FAILED/);
    expect(stderr).toMatch(/ther\.ts/);
    expect(stderr).not.toMatch(/^\s+at .*:\d+/m);
  });
});
