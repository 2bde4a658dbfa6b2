import type { Cost } from '../plugin/contracts.js';
import type { PluginRegistry } from '../plugin/registry.js';
import type { LoadedSpec } from '../spec/load-spec.js';
import type { ResolvedSpec } from '../spec/resolved-spec.js';
import { toYaml } from '../spec/to-yaml.js';

/** One step of a run and the most it costs, in passes of the network over one image. */
export interface PlannedStep {
  readonly step: string;
  readonly forwards: number;
  readonly gradients: number;
}

/** `shield run --dry-run`: the resolved spec, what would be done and what it costs at most. */
export function printPlan(loaded: LoadedSpec, registry: PluginRegistry, flags: { readonly json?: boolean }): void {
  const spec = loaded.resolved;
  const steps = plan(spec, registry);
  const images =
    typeof spec.dataset['limit'] === 'number' && spec.dataset['limit'] > 0 ? spec.dataset['limit'] : undefined;
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ hash: loaded.hash, resolved: spec, images, plan: steps }, null, 2)}\n`);
    return;
  }
  const lines = steps.map(({ step, forwards, gradients }, i) => {
    const cost = [passes(forwards, 'forward'), passes(gradients, 'gradient')].filter(Boolean).join(' + ');
    return `${String(i + 1).padStart(2)}. ${step.padEnd(46)} ${cost}`;
  });
  const total = steps.reduce((sum, { forwards, gradients }) => sum + forwards + 2 * gradients, 0);
  const forAll =
    images === undefined ? '' : `, about ${Math.round(total * images).toLocaleString('en')} for ${images} images`;
  process.stdout.write(
    [
      toYaml(spec).trimEnd(),
      '',
      'plan (at most, for each image; artifacts that are there are not computed again)',
      ...lines,
      `in all: about ${Math.round(total).toLocaleString('en')} forward passes' time an image${forAll}`,
      `spec hash ${loaded.hash}`,
      '',
    ].join('\n'),
  );
}

export function plan(spec: ResolvedSpec, registry: PluginRegistry): PlannedStep[] {
  if (spec.perform.includes('train')) {
    const epochs = spec.train?.epochs ?? 0;
    return [
      { step: `train ${spec.model.use} on ${spec.dataset.use}, ${epochs} epochs`, forwards: 0, gradients: epochs },
    ];
  }
  const draws = Object.entries(spec.defenses).map(([name, use]): [string, number] => [
    name,
    registry.get('defense', use.use).random ? spec.evaluate.draws : 1,
  ]);
  const judged = (source: string, plain: number): PlannedStep[] => [
    ...(plain > 0
      ? [{ step: `${source}: as it is${plain > 1 ? ' and in 8 bits' : ''}`, forwards: plain, gradients: 0 }]
      : []),
    ...(spec.perform.includes('evaluate')
      ? draws.map(([name, n]) => ({
          step: `${source} through ${name}${n > 1 ? `, ${n} draws` : ''}`,
          forwards: n,
          gradients: 0,
        }))
      : []),
  ];
  const adaptive = typeof spec.threat === 'object' && 'adaptive' in spec.threat ? spec.threat.adaptive : undefined;
  /** An adaptive attack on a defense with n draws, and its evaluation. */
  const against = (attack: string, defense: string, n: number, { forwards, gradients }: Cost): PlannedStep[] => {
    const eot = registry.get('defense', spec.defenses[defense]!.use).random ? adaptive!.eot : 1;
    return [
      ...(spec.perform.includes('attack')
        ? [
            {
              step: `attack ${attack} through ${defense}`,
              forwards: eot * (forwards + gradients),
              gradients: eot * gradients,
            },
          ]
        : []),
      ...(spec.perform.includes('evaluate')
        ? [{ step: `attacked by ${attack}_vs_${defense}, evaluated`, forwards: n + 2, gradients: 0 }]
        : []),
    ];
  };
  const attacks = Object.entries(spec.attacks).flatMap(([name, use]) => {
    const plugin = registry.get('attack', use.use);
    const { use: _use, ...options } = use;
    const cost = plugin.cost(options);
    return [
      ...(spec.perform.includes('attack') ? [{ step: `attack ${name}`, ...cost }] : []),
      ...judged(`attacked by ${name}`, 2),
      ...(adaptive && plugin.needs !== 'nothing'
        ? draws.flatMap(([defense, n]) => against(name, defense, n, cost))
        : []),
    ];
  });
  return [...judged('clean', 1), ...attacks];
}

function passes(count: number, name: string): string {
  return count === 0 ? '' : `${count.toLocaleString('en')} ${name}${count === 1 ? '' : 's'}`;
}
