import { expect, test } from 'vitest';
import { plugins as attacks } from '@shield/attacks';
import { plugins as defenses } from '@shield/defenses';
import { shield } from './resident.js';
import { SMOKE, temporaryFolder, type JsonResult } from './shield.js';

const FULL = process.env['SHIELD_TEST_FULL'] === '1';

/** Few steps of each: what is asked is whether it goes through, not how far it gets. */
const FEW: Readonly<Record<string, object>> = {
  fgsm: { eps: 24 },
  i_fgsm: { eps: 24, step_size: 8, steps: 3 },
  pgd: { eps: 24, step_size: 8, steps: 3 },
  mi_fgsm: { eps: 24, step_size: 8, steps: 3 },
  di_fgsm: { eps: 24, step_size: 8, steps: 3 },
  ti_fgsm: { eps: 24, step_size: 8, steps: 3, kernel_size: 5 },
  deepfool: { candidates: 3, max_iterations: 3 },
  cw_l2: { search_steps: 1, max_iterations: 4, learning_rate: 0.05 },
  ead: { search_steps: 1, max_iterations: 8, learning_rate: 0.05, initial_constant: 1 },
  ddn: { steps: 4 },
  fmn: { steps: 4 },
  jsma: { theta: 128, steps: 4 },
  apgd_ce: { eps: 24, steps: 4 },
  apgd_dlr: { eps: 24, steps: 4 },
  apgd_t: { eps: 24, steps: 4, targets: 1 },
  fab: { steps: 3, candidates: 3 },
  fab_t: { steps: 3, targets: 1 },
  autoattack: { eps: 24, steps: 4, targets: 1, queries: 4 },
};

/** Those that differ in how a gradient comes back: exact, differentiable, straight through, drawn, from a worker. */
const KINDS = ['bit_depth', 'jpeg', 'slq', 'webp', 'chain', 'ensemble'];

const chain = [{ use: 'bit_depth' }, { use: 'gaussian_blur' }, { use: 'slq' }];
const ensemble = {
  use: 'ensemble',
  members: [
    { defense: { use: 'slq' }, model: { use: 'small_cnn' } },
    { defense: { use: 'jpeg', quality: 40 }, model: { use: 'small_cnn' } },
  ],
};

const gradientAttacks = attacks.filter(({ needs }) => needs === 'gradients').map(({ name }) => name);
const SMALLEST = ['cw_l2', 'ddn', 'deepfool', 'ead', 'fab', 'fab_t', 'fmn'];
/** One of each way to follow gradients: fixed steps, a search, planes, a schedule, a saliency map. */
const WAYS = ['pgd', 'cw_l2', 'deepfool', 'apgd_t', 'jsma'];

test('every gradient attack has settings here', () => {
  expect(Object.keys(FEW).sort()).toEqual([...gradientAttacks].sort());
});

test.each(FULL ? gradientAttacks : WAYS)(
  '%s goes through every defense, through chains and ensembles',
  async (attack) => {
    const all: Record<string, unknown> = {
      ...Object.fromEntries(defenses.map(({ name }) => [name, { use: name }])),
      chain,
      ensemble,
    };
    const names = Object.keys(all).filter((name) => FULL || KINDS.includes(name));
    const spec = (values: object) => JSON.stringify(values);
    const runs = temporaryFolder();
    const args = [
      'dataset.limit=4',
      'batch=4',
      'execution.strip=0',
      'evaluate.draws=1',
      '~attacks',
      `++attacks.it=${spec({ use: attack, ...FEW[attack] })}`,
      '~defenses',
      ...names.map((name) => `++defenses.${name}=${spec(all[name] as object)}`),
      'threat={adaptive: {eot: 2}}',
    ];
    const { code, stdout, stderr } = await shield(['run', SMOKE, '--json', ...args], { runs });
    expect(code, stderr).toBe(0);
    expect(stderr).not.toContain('ADAPTIVE_NO_GRADIENT');
    const { metrics } = JSON.parse(stdout) as JsonResult;
    const changed: string[] = [];
    for (const name of names) {
      const through = `it_vs_${name}`;
      const value = (key: string) => metrics[`attack/${through}/${key}`]!;
      // Some ask first whether the image behind the defense is right at all.
      const nothingToDo = value('success') === 1 || value('iterations') === 0;
      expect(value('gradients') > 0 || nothingToDo, name).toBe(true);
      // Attacks for the smallest change give back the clean image where so few steps were not enough.
      if (value('l2_mean_all') > 0) changed.push(name);
      else expect(nothingToDo || SMALLEST.includes(attack), name).toBe(true);
      expect(metrics[`defended/${through}/${name}/top1`], name).toBeLessThanOrEqual(1);
    }
    expect(changed.length).toBeGreaterThan(names.length / 2);
  },
);
