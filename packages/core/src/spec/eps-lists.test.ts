import { Type } from '@sinclair/typebox';
import { expect, it } from 'vitest';
import { defineAttack, defineDataset, defineModel } from '../plugin/define.js';
import { PluginRegistry } from '../plugin/registry.js';
import { loadSpec } from './load-spec.js';

const unused = () => Promise.reject(new Error('not run'));
const common = { summary: 'an attack', targeted: false, needs: 'nothing', random: false, run: unused } as const;
const cost = () => ({ forwards: 0, gradients: 0 });
const eps = Type.Number({ minimum: 0, maximum: 255, default: 8, description: 'in 0-255 levels' });
const registry = new PluginRegistry();
registry.register(
  defineAttack({ ...common, name: 'fgsm', norm: 'linf', options: Type.Object({ eps }), cost }),
  'tests',
);
registry.register(
  defineAttack({ ...common, name: 'own', norm: 'l2', options: Type.Object({ eps: Type.Array(eps) }), cost }),
  'tests',
);
registry.register(defineDataset({ name: 'data', summary: 'none', options: Type.Object({}), open: unused }), 'tests');
registry.register(defineModel({ name: 'net', summary: 'none', options: Type.Object({}), load: unused }), 'tests');

const attacksOf = async (attacks: string) =>
  (await loadSpec(`dataset: { use: data }\nmodel: { use: net }\nattacks: ${attacks}\n`, { registry })).resolved.attacks;

it('one attack for each eps, in the order of the spec, with the other options', async () => {
  const attacks = await attacksOf('{ a: { use: fgsm, eps: [2, 0.5], attack_misclassified: true }, b: { use: fgsm } }');
  expect(Object.keys(attacks)).toEqual(['a_eps2', 'a_eps0p5', 'b']);
  expect(attacks['a_eps0p5']).toMatchObject({ use: 'fgsm', eps: 0.5, attack_misclassified: true });
  expect(attacks['b']).toMatchObject({ eps: 8 });
});

it('a plugin whose eps is a list keeps it', async () => {
  expect(await attacksOf('{ a: { use: own, eps: [1, 2] } }')).toMatchObject({ a: { eps: [1, 2] } });
});

it.each([
  ['{ a: { use: fgsm, eps: [] } }', 'empty list'],
  ['{ a: { use: fgsm, eps: [1, 1] } }', 'twice'],
  ['{ a: { use: fgsm, eps: [1, 2] }, a_eps2: { use: fgsm } }', 'another attack'],
])('%s: %s', async (attacks, reason) => {
  await expect(attacksOf(attacks)).rejects.toMatchObject({
    code: 'SPEC_INVALID_VALUE',
    message: expect.stringContaining(reason) as string,
  });
});

it('a value that is not allowed is told at its own place', async () => {
  await expect(attacksOf('\n  a: { use: fgsm, eps: [1, 300] }')).rejects.toMatchObject({
    code: 'SPEC_INVALID_VALUE',
    where: { line: 4, column: 28 },
  });
});
