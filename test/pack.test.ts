import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root, temporaryFolder } from './shield.js';

const folder = temporaryFolder();

/** Packs every package, installs the archives in an empty project, and uses them there, away from the checkout. */
test('each package packs, installs and works outside the checkout', () => {
  const npm = (args: string[], cwd: string) =>
    execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const archives = join(folder, 'archives');
  const project = join(folder, 'project');
  mkdirSync(archives);
  mkdirSync(project);
  const packed = JSON.parse(
    npm(
      [
        'pack',
        '--json',
        '--ignore-scripts',
        '--workspaces',
        '--include-workspace-root',
        '--pack-destination',
        archives,
      ],
      root,
    ),
  ) as unknown;
  expect(packed).toBeTruthy();
  const files = readdirSync(archives).filter((name) => name.endsWith('.tgz'));
  expect(files).toHaveLength(7);
  writeFileSync(join(project, 'package.json'), '{ "name": "user", "private": true, "type": "module" }\n');
  npm(
    [
      'install',
      '--ignore-scripts',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      ...files.map((name) => join(archives, name)),
    ],
    project,
  );
  const spec =
    'name: packed\nbackend: wasm\ndefaults: [model/small_cnn, dataset/drawn, defense/jpeg]\ndataset: { limit: 16 }\nattack: { use: fgsm, eps: 16 }\n';
  writeFileSync(join(project, 'spec.yaml'), spec);
  // The user's own config of a name goes before the one that comes with shield.
  mkdirSync(join(project, 'defense'));
  writeFileSync(join(project, 'defense', 'jpeg.yaml'), 'use: jpeg\nquality: 12\n');
  const output = execFileSync(join(project, 'node_modules', '.bin', 'shield'), ['run', 'spec.yaml', '--json'], {
    cwd: project,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const result = JSON.parse(output) as {
    metrics: Record<string, number>;
    spec: { model: object; defenses: Record<string, object> };
  };
  expect(result.spec.model).toMatchObject({ use: 'small_cnn' });
  expect(result.spec.defenses).toMatchObject({ jpeg: { use: 'jpeg', quality: 12 } });
  expect(result.metrics['clean/top1']).toBeGreaterThan(0.9);
  const script =
    "import { run } from 'shield'; const { metrics } = await run('spec.yaml', { overrides: ['seed=3'] }); console.log(metrics['images']);";
  const programmatic = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: project,
    encoding: 'utf8',
  });
  expect(programmatic.trim()).toBe('16');
  // A plugin of the project's own is held to the suite with the tfjs-core that SHIELD has.
  const suite = `
    import { Type } from '@sinclair/typebox';
    import * as tf from '@tensorflow/tfjs-core';
    import { defineAttack } from '@shield/core';
    import { attackConformance } from '@shield/core/testing';
    const attack = defineAttack({
      name: 'brighter', summary: 'adds light', norm: 'linf', targeted: false, needs: 'nothing', random: false,
      options: Type.Object({ eps: Type.Number({ exclusiveMinimum: 0, default: 8, description: 'light, in 0-255 levels' }) }),
      cost: () => ({ forwards: 0, gradients: 0 }),
      run: async ({ images }, { eps }) => ({
        images: tf.tidy(() => tf.clipByValue(tf.add(images, eps / 255), 0, 1)), iterations: new Int32Array(images.shape[0]).fill(1),
      }),
    });
    const cases = attackConformance(attack, { variations: { eps: [{ eps: 2 }] }, bound: ({ eps }) => eps / 255 });
    for (const { run } of cases) await run();
    console.log(cases.length);`;
  const held = execFileSync(process.execPath, ['--input-type=module', '--eval', suite], {
    cwd: project,
    encoding: 'utf8',
  });
  expect(Number(held)).toBeGreaterThan(5);
}, 600_000);
