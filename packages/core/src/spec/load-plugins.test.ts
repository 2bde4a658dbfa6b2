import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ShieldError } from '../errors/index.js';
import { PluginRegistry } from '../plugin/registry.js';
import { specRegistry } from '../testing/spec-plugins.js';
import { loadPlugins } from './load-plugins.js';
import { loadSpec } from './load-spec.js';

// Outside the project, with no node_modules above it: what plugins import must come from this program.
const folder = mkdtempSync(join(tmpdir(), 'shield-plugins-'));
const put = (name: string, text: string) => writeFileSync(join(folder, name), text);
const cacheBefore = process.env['SHIELD_CACHE'];

const ATTACK = `
import { Type } from '@sinclair/typebox';
import { defineAttack, type AttackInput } from '@shield/core';
import * as tf from '@tensorflow/tfjs-core';
import { half } from './half.js';

const options = Type.Object({ size: Type.Number({ minimum: 0, default: 8, description: 'size' }) });
export const instance: unknown = tf.Tensor;
export default defineAttack({
  name: 'my_attack', summary: 'by path', norm: 'linf', targeted: false, needs: 'nothing', random: false, options,
  cost: () => ({ forwards: half(2), gradients: 0 }),
  run: async ({ images }: AttackInput) => ({ images: tf.clone(images), iterations: new Int32Array(images.shape[0]) }),
});
`;
const defense = (name: string) =>
  `defineDefense({ name: '${name}', summary: '', takes: 'floats', random: false, gradient: 'straight-through', options: Type.Object({}), apply: (image) => image })`;

beforeAll(() => {
  process.env['SHIELD_CACHE'] = join(folder, 'cache');
  put('half.ts', 'export const half = (x: number): number => x / 2;\n');
  put('attack.ts', ATTACK);
  put(
    'several.mjs',
    `import { Type } from '@sinclair/typebox';\nimport { defineDefense } from '@shield/core';\nexport const one = ${defense('one')};\nexport default [one, ${defense('two')}];\n`,
  );
  const installed = join(folder, 'node_modules', 'shield-extra');
  mkdirSync(installed, { recursive: true });
  writeFileSync(
    join(installed, 'package.json'),
    '{ "name": "shield-extra", "version": "1.0.0", "type": "module", "exports": "./index.js" }',
  );
  writeFileSync(
    join(installed, 'index.js'),
    `import { Type } from '@sinclair/typebox';\nimport { defineDefense } from '@shield/core';\nexport const plugins = [${defense('extra')}];\n`,
  );
});
afterAll(() => {
  if (cacheBefore === undefined) delete process.env['SHIELD_CACHE'];
  else process.env['SHIELD_CACHE'] = cacheBefore;
  rmSync(folder, { recursive: true, force: true });
});

describe('plugins of third parties', () => {
  it('are loaded from TypeScript, JavaScript and packages, with the tfjs-core of this program', async () => {
    const registry = new PluginRegistry();
    await loadPlugins(['./attack.ts', './several.mjs', 'shield-extra'], folder, registry);
    expect(registry.list('attack').map(({ name }) => name)).toEqual(['my_attack']);
    expect(registry.list('defense').map(({ name }) => name)).toEqual(['extra', 'one', 'two']);
    const attack = registry.get('attack', 'my_attack');
    expect(attack.sourceFile).toBe(join(folder, 'attack.ts'));
    expect(attack.cost({})).toEqual({ forwards: 1, gradients: 0 });
    expect(registry.origin('attack', 'my_attack')).toBe('./attack.ts');
    const images = tf.tensor4d([0.5], [1, 1, 1, 1]);
    const input = { images } as unknown as Parameters<typeof attack.run>[0];
    const output = await attack.run(input, {});
    expect(output.images).toBeInstanceOf(tf.Tensor);
    tf.dispose([images, output.images]);
  });

  it('may be named twice: the same plugin is registered once', async () => {
    const registry = new PluginRegistry();
    await loadPlugins(['./attack.ts', './attack.ts'], folder, registry);
    await loadPlugins([join(folder, 'attack.ts')], tmpdir(), registry);
    expect(registry.list('attack')).toHaveLength(1);
  });

  it('are validated with the spec that names them, whichever file or folder it is', async () => {
    mkdirSync(join(folder, 'specs'), { recursive: true });
    put(
      'specs/spec.yaml',
      'plugins: [../attack.ts]\nmodel: { use: net }\ndataset: { use: drawings }\nattack: { use: my_attack, size: 3 }\n',
    );
    const path = join(folder, 'specs', 'spec.yaml');
    const loaded = await loadSpec(path, { registry: specRegistry() });
    expect(loaded.resolved.plugins).toEqual(['../attack.ts']);
    expect(loaded.resolved.attacks).toMatchObject({ my_attack: { use: 'my_attack', size: 3, labels: true } });
    const more = await loadSpec(path, {
      registry: specRegistry(),
      overrides: [`+plugins.1=${join(folder, 'several.mjs')}`, '+defense=one'],
    });
    expect(more.resolved.defenses).toEqual({ one: { use: 'one' } });
    const { toYaml } = await import('./to-yaml.js');
    const again = await loadSpec(toYaml(loaded.resolved), { registry: specRegistry(), baseDir: join(folder, 'specs') });
    expect(again.hash).toBe(loaded.hash);
  });

  it.each([
    ['./missing.ts', '', 'PLUGIN_LOAD_FAILED', 'there is no file'],
    ['./throws.ts', 'throw new Error("no luck");', 'PLUGIN_LOAD_FAILED', 'no luck'],
    ['./syntax.ts', 'export default {{;', 'PLUGIN_LOAD_FAILED', ''],
    ['not-installed-package', '', 'PLUGIN_LOAD_FAILED', 'not-installed-package'],
    ['./nothing.ts', 'export const x = 1;', 'PLUGIN_INVALID', 'it exports no plugin'],
    [
      './bare.mjs',
      'export default { kind: "attack", name: "bare", options: {} };',
      'PLUGIN_INVALID',
      'bare has no run, which must be a function',
    ],
    [
      './costless.mjs',
      'export default { kind: "attack", name: "costless", summary: "", options: {}, run() {} };',
      'PLUGIN_INVALID',
      'costless has no cost, which must be a function',
    ],
    [
      './norm.mjs',
      'export default { kind: "attack", name: "far", summary: "", norm: "max", options: {}, run() {}, cost() {} };',
      'PLUGIN_INVALID',
      'norm of far must be one of l0, l1, l2, linf, none (it is "max")',
    ],
    [
      './bpda.mjs',
      'export default { kind: "defense", name: "wall", summary: "", takes: "floats", random: false, gradient: "bpda", options: {}, apply() {} };',
      'PLUGIN_INVALID',
      `gradient of wall must be 'straight-through' or a function (it is "bpda")`,
    ],
    [
      './upper.mjs',
      'export default { kind: "attack", name: "Upper-Case", options: {}, run() {} };',
      'PLUGIN_INVALID',
      'not snake_case',
    ],
    [
      './options.mjs',
      'export default { kind: "attack", name: "bad", summary: "", norm: "linf", needs: "nothing", targeted: false, random: false, cost() {}, options: { eps: 1 }, run() {} };',
      'PLUGIN_INVALID',
      'no object schema',
    ],
    [
      './taken.mjs',
      'export default { kind: "attack", name: "push", summary: "", norm: "linf", needs: "nothing", targeted: false, random: false, cost() {}, options: { type: "object", properties: {} }, run() {} };',
      'PLUGIN_DUPLICATE',
      'push',
    ],
  ])('%s is refused where it is named', async (name, text, code, reason) => {
    if (text) put(name, text);
    put('spec.yaml', `model: { use: net }\nplugins:\n  - ${name}\n`);
    const error = await loadSpec(join(folder, 'spec.yaml'), { registry: specRegistry() }).catch(
      (thrown: ShieldError) => thrown,
    );
    expect(error).toMatchObject({ code, where: { file: join(folder, 'spec.yaml'), line: 3, column: 5 } });
    expect((error as ShieldError).message).toContain(reason);
    expect((error as ShieldError).message).not.toContain('\n');
  });

  it.each([
    ['{ type: "number", minimun: 1 }', 'minimun'],
    ['{ type: "number", minimum: "1" }', 'minimum'],
    ['{ type: "nubmer" }', 'nubmer'],
    ['{ type: "string", pattern: "(" }', '('],
    ['{ anyOf: [{ type: "object", properties: { b: { type: "number", default: 3 } } }] }', 'default is ignored'],
  ])('are refused where their options are no strict schema: %s', async (schema, reason) => {
    const name = `loose_${Math.abs(hash(schema))}`;
    const options = `{ type: "object", properties: { a: ${schema} } }`;
    const rest = 'summary: "", takes: "floats", random: false, gradient: "straight-through", apply() {}';
    put(`${name}.mjs`, `export default { kind: "defense", name: "${name}", options: ${options}, ${rest} };`);
    put(
      'spec.yaml',
      `plugins: [./${name}.mjs]\nmodel: { use: net }\ndataset: { use: drawings }\ndefense: { use: ${name} }\n`,
    );
    const loading = loadSpec(join(folder, 'spec.yaml'), { registry: specRegistry() });
    const error = await loading.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'PLUGIN_INVALID', params: { path: name } });
    expect((error as ShieldError).message).toContain(reason);
  });
});

/** A file name of its own for each text: modules are kept by their path. */
function hash(text: string): number {
  return [...text].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) | 0, 7);
}
