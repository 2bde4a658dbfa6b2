import { ShieldError, type AttackInput, type AttackOutput, type Cost } from '@shield/core';
import { adaptiveBoundary, costOfAdaptiveBoundary, type AdaptiveBoundary } from './adaptive-boundary.js';
import { DLR_CLASSES, TARGETED_DLR_CLASSES } from './apgd-losses.js';
import { apgd, costOfApgd, type Apgd } from './apgd.js';
import square from './square.js';

export interface AutoAttackOptions {
  readonly version: 'standard' | 'plus' | 'rand';
  readonly norm: 'linf' | 'l2';
  /** In 0-255 levels. */
  readonly eps: number;
  readonly steps: number;
  readonly targets: number;
  readonly queries: number;
}

/** One of the attacks that AutoAttack runs. */
export interface Part {
  readonly name: string;
  readonly cost: Cost;
  /** Fewest classes of the model that its loss is defined for. */
  readonly classes: number;
  /** Whether its images may be farther away than eps. */
  readonly unbounded: boolean;
  run(input: AttackInput): Promise<AttackOutput>;
}

/** Restarts of the untargeted attacks in `plus`; everything else is tried once. */
const RESTARTS = 5;

/** Passes that a gradient is the mean of in `rand`. */
const EOT = 20;

/** The attacks of a version in the order and with the settings of the authors' code (set_version in autoattack.py). */
export function partsOf(o: AutoAttackOptions): readonly Part[] {
  switch (o.version) {
    case 'standard':
      return [apgdPart(o, 'apgd_ce'), apgdPart(o, 'apgd_t'), fabPart(o, 'fab_t'), squarePart(o)];
    case 'plus':
      return [
        apgdPart(o, 'apgd_ce', { restarts: RESTARTS }),
        apgdPart(o, 'apgd_dlr', { restarts: RESTARTS }),
        fabPart(o, 'fab'),
        squarePart(o),
        apgdPart(o, 'apgd_t'),
        fabPart(o, 'fab_t'),
      ];
    case 'rand':
      return [apgdPart(o, 'apgd_ce', { eot: EOT }), apgdPart(o, 'apgd_dlr', { eot: EOT })];
  }
}

/** @throws ATTACK_FAILED where the model has too few classes for one of the attacks */
export function checkClasses(parts: readonly Part[], version: string, classes: number): void {
  const most = parts.reduce((a, b) => (b.classes > a.classes ? b : a));
  if (classes >= most.classes) return;
  throw new ShieldError('ATTACK_FAILED', {
    name: 'autoattack',
    reason: `version ${version} runs ${most.name}, whose loss ranks ${most.classes} logits, and the model has ${classes}`,
    expected: 'run apgd_ce, fab_t and square as attacks of their own',
  });
}

const LOSSES = {
  apgd_ce: { loss: 'ce', classes: 2 },
  apgd_dlr: { loss: 'dlr', classes: DLR_CLASSES },
  apgd_t: { loss: 'targeted_dlr', classes: TARGETED_DLR_CLASSES },
} as const;

function apgdPart(o: AutoAttackOptions, name: keyof typeof LOSSES, change: Partial<Apgd> = {}): Part {
  const { loss, classes } = LOSSES[name];
  const how: Apgd = {
    attack: name,
    loss,
    norm: o.norm,
    eps: o.eps / 255,
    steps: o.steps,
    restarts: 1,
    rho: 0.75,
    earlyStop: true,
    ...(name === 'apgd_t' ? { targets: o.targets } : {}),
    ...change,
  };
  return { name, classes, unbounded: false, cost: costOfApgd(how), run: (input) => apgd(input, how) };
}

function fabPart({ norm, eps, steps, targets }: AutoAttackOptions, name: 'fab' | 'fab_t'): Part {
  const how: AdaptiveBoundary = {
    norm,
    eps: eps / 255,
    steps,
    alphaMax: 0.1,
    eta: 1.05,
    beta: 0.9,
    finalSearch: 0,
    earlyStop: true,
    ...(name === 'fab_t'
      ? { aims: targets, candidates: 1, restarts: 1 }
      : { aims: 1, candidates: targets, restarts: RESTARTS }),
  };
  const run = (input: AttackInput) => adaptiveBoundary(input, how);
  return { name, classes: 2, unbounded: true, cost: costOfAdaptiveBoundary(how), run };
}

function squarePart({ norm, eps, queries }: AutoAttackOptions): Part {
  const options = {
    norm,
    eps,
    queries,
    restarts: 1,
    p_init: 0.8,
    loss: 'margin',
    rescale_schedule: false,
  } as const;
  return {
    name: 'square',
    classes: 2,
    unbounded: false,
    cost: square.cost(options),
    run: (input) => square.run(input, options),
  };
}
