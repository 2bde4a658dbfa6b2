/*
 * What bench/attacks.js runs. Lengths in 0-255 levels, as specs have them.
 *
 * `options` are the settings that everyone gets; `equal` are what ours needs besides to do exactly what the peers do
 * (all steps, the peers' schedule), `defaults` what ours has when only the task is named (eps, steps, candidates).
 * `also` are further settings of ours that are worth a row. `images` is how many photos a task has at most: fewer where a peer takes many seconds for each. `norm` is the norm that
 * an attack makes small, where that is not l2. `target: 'second'` is the class with the second highest logit.
 */

const linf = { eps: 4, step_size: 1 };
const ALL = ['foolbox', 'art', 'torchattacks', 'cleverhans'];

const fixedEps = {
  fgsm: { title: 'FGSM, eps 4', options: { eps: 4 }, equal: {}, steps: 1, peers: ALL },
  i_fgsm: {
    title: 'I-FGSM (BIM), eps 4, 10 steps of 1',
    options: { ...linf, steps: 10 },
    equal: { early_stop: false },
    defaults: {},
    steps: 10,
    peers: ALL,
  },
  pgd: {
    title: 'PGD, eps 4, 20 steps of 1, random start',
    options: { ...linf, steps: 20 },
    equal: { early_stop: false },
    defaults: {},
    steps: 20,
    peers: ALL,
    images: 16,
  },
  mi_fgsm: {
    title: 'MI-FGSM, eps 4, 10 steps of 1, decay 1',
    options: { ...linf, steps: 10, decay: 1 },
    equal: { early_stop: false },
    defaults: {},
    also: { 'early_stop: true': { early_stop: true } },
    steps: 10,
    peers: ['foolbox', 'art', 'torchattacks'],
    images: 16,
  },
  di_fgsm: {
    title: 'DI-FGSM, eps 4, 10 steps of 1, decay 1, half of them resized to 0.9 at least',
    options: { ...linf, steps: 10, decay: 1, probability: 0.5, smallest: 0.9 },
    equal: {},
    steps: 10,
    peers: ['torchattacks'],
    images: 16,
  },
  ti_fgsm: {
    title: 'TI-FGSM, eps 4, 10 steps of 1, decay 1, kernel 15',
    options: { ...linf, steps: 10, decay: 1, kernel_size: 15 },
    equal: {},
    steps: 10,
    peers: ['torchattacks'],
    images: 16,
  },
};

const minimalNorm = {
  deepfool: {
    title: 'DeepFool, 10 candidates, 50 steps, overshoot 0.02',
    options: { candidates: 10, max_iterations: 50, overshoot: 0.02 },
    defaults: {},
    peers: ['foolbox', 'art'],
    images: 16,
  },
  cw_l2: {
    title: 'CW-L2, 5 × 100 steps, learning rate 0.01, constant 0.01, confidence 0',
    options: { search_steps: 5, max_iterations: 100, learning_rate: 0.01, initial_constant: 0.01, confidence: 0 },
    equal: { schedule: 'constant', early_stop: false, warm_start: false },
    // The task alone: its search is our own.
    defaultOptions: { confidence: 0 },
    defaults: {},
    steps: 500,
    peers: ['foolbox', 'cleverhans', 'art', 'torchattacks'],
    images: 4,
  },
  ddn: { title: 'DDN, 100 steps', options: { steps: 100 }, equal: {}, steps: 100, peers: ['foolbox'], images: 8 },
  fmn: {
    title: 'FMN, linf, 100 steps',
    options: { steps: 100, norm: 'linf' },
    equal: {},
    steps: 100,
    norm: 'linf',
    peers: ['foolbox'],
    images: 8,
  },
  ead: {
    title: 'EAD, 5 × 100 steps, β 0.01, elastic net',
    options: {
      search_steps: 5,
      max_iterations: 100,
      learning_rate: 0.01,
      initial_constant: 0.01,
      regularization: 0.01,
      confidence: 0,
    },
    equal: { early_stop: false },
    defaults: {},
    steps: 500,
    norm: 'l1',
    peers: ['foolbox', 'art', 'torchattacks'],
    images: 2,
  },
  jsma: {
    title: 'JSMA towards the second class, pairs of values upwards by 255, at most 0.5 % of them',
    options: { theta: 255, gamma: 0.005, direction: 'up', target: 'second' },
    equal: {},
    norm: 'l0',
    peers: ['art'],
    images: 2,
  },
};

const apgd = { options: { eps: 4, steps: 100 }, equal: { early_stop: false }, defaults: {}, steps: 100 };
const autoattack = {
  apgd_ce: { title: 'APGD on the cross-entropy, eps 4, 100 steps', ...apgd, peers: ['art', 'torchattacks'], images: 6 },
  apgd_dlr: { title: 'APGD on DLR, eps 4, 100 steps', ...apgd, peers: ['art', 'torchattacks'], images: 6 },
  apgd_t: {
    title: 'APGD towards 9 classes, eps 4, 100 steps each',
    options: { eps: 4, steps: 100, targets: 9 },
    defaults: {},
    peers: ['torchattacks'],
    images: 6,
  },
  fab_t: {
    title: 'FAB towards 9 classes, linf, 20 steps each',
    options: { norm: 'linf', eps: 4, steps: 20, targets: 9 },
    // The peer leaves an image after the first class within eps, which here is the first one for every image.
    equal: { final_search: 0, targets: 1 },
    also: {
      'all nine classes, for the smallest change': { final_search: 0 },
      'early_stop: true': { early_stop: true },
    },
    norm: 'linf',
    peers: ['torchattacks'],
    images: 4,
  },
  square: {
    title: 'Square, linf, eps 4, 500 queries',
    options: { eps: 4, queries: 500 },
    equal: {},
    peers: ['art', 'torchattacks'],
    images: 4,
  },
  autoattack: {
    title: 'AutoAttack standard, linf, eps 0.25, 50 steps, 500 queries',
    options: { eps: 0.25, steps: 50, queries: 500 },
    defaults: {},
    peers: ['torchattacks'],
    images: 4,
  },
};

const byDecisions = {
  hop_skip_jump: {
    title: 'HopSkipJump, l2, 5 steps',
    options: { steps: 5 },
    equal: {},
    peers: ['foolbox', 'art', 'cleverhans'],
    images: 2,
  },
  boundary: {
    title: 'Boundary attack, 500 steps',
    options: { steps: 500 },
    equal: {},
    peers: ['foolbox'],
    images: 2,
  },
  spsa: {
    title: 'SPSA, eps 4, 4 steps of 64 directions',
    options: { eps: 4, steps: 4, samples: 64, delta: 2.55, learning_rate: 2.55 },
    equal: { early_stop: false },
    defaults: {},
    peers: ['cleverhans', 'torchattacks'],
    images: 2,
  },
  gaussian_noise: { title: 'Gaussian noise, σ 8', options: { std: 8 }, equal: {}, peers: ['foolbox'] },
  uniform_noise: { title: 'Uniform noise, ±8', options: { eps: 8 }, equal: {}, peers: ['foolbox'] },
};

export const TASKS = { ...fixedEps, ...minimalNorm, ...autoattack, ...byDecisions };

/** Peers that do something else under the same name. */
export const NOTES = {
  'art cw_l2': 'its own 10 × 10 steps, each a line search',
  'torchattacks cw_l2': 'c = 1, no search over it',
  'art deepfool': 'indexes a wrong logit where candidates are fewer than classes',
  'torchattacks ead': 'aborts early',
  'foolbox hop_skip_jump': 'starts from noise blended with the image',
  'foolbox boundary': 'starts from noise blended with the image',
  'torchattacks spsa': '64 directions drawn anew in each of its steps, no early stop',
  'foolbox gaussian_noise': 'scaled to the same L2 norm',
};
