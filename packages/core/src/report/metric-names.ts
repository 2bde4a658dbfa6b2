import type { PluginRegistry } from '../plugin/registry.js';
import type { ResolvedSpec } from '../spec/resolved-spec.js';

const OF_DRAWS = [
  ...['draws_mean', 'draws_deviation', 'draws_low', 'draws_high', 'image_deviation', 'agreement'],
  ...['draws_unanimous', 'members_unanimous'],
];

const NORMS = ['l0', 'l1', 'l2', 'linf', 'normalized_l2', 'normalized_l2_original'];

const OF_ATTACK = [
  ...['attacked', 'success', 'success_rounded', 'success_on_source', 'before_grid/success'],
  ...['left_out/misclassified', 'left_out/target', 'left_out/unusable'],
  ...[...NORMS, 'before_grid/l2', 'before_grid/linf'].flatMap((norm) =>
    ['mean_all', 'mean_success', 'median_success'].map((over) => `${norm}_${over}`),
  ),
  ...['iterations', 'forwards', 'gradients', 'failures', 'seconds'],
];

/** Counts whose last part an attack or an ensemble names itself. */
const NAMED_ELSEWHERE = /\/(by|flags|members|left_out)\//;

/**
 * The names that flatMetrics may give to what a run of the spec finds, before it is run; what depends on the images may
 * be absent then. Undefined where it is not told: trainings.
 */
export function metricNames(spec: ResolvedSpec, registry: PluginRegistry): readonly string[] | undefined {
  const { attacks, defenses, evaluate, perform, threat } = spec;
  if (perform.includes('train')) return undefined;
  const names = Object.keys(defenses);
  const accuracies = (key: string) => [
    ...evaluate.top.flatMap((k) => ['', '_low', '_high'].map((end) => `${key}/top${k}${end}`)),
    ...OF_DRAWS.map((figure) => `${key}/${figure}`),
  ];
  const attacked = (attack: string, through: readonly string[]) => [
    ...['float', 'rounded'].flatMap((how) => accuracies(`attacked/${attack}/${how}`)),
    ...OF_ATTACK.map((figure) => `attack/${attack}/${figure}`),
    ...through.flatMap((name) => [
      ...accuracies(`defended/${attack}/${name}`),
      ...['recovered', 'recovered_rounded', 'seconds'].map((figure) => `defended/${attack}/${name}/${figure}`),
    ]),
  ];
  const adaptive = typeof threat === 'object' && 'adaptive' in threat;
  return [
    ...['images', 'dropped', ...accuracies('clean')],
    ...names.flatMap((name) => accuracies(`clean_defended/${name}`)),
    ...Object.entries(attacks).flatMap(([attack, { use }]) => {
      const against = adaptive && registry.get('attack', use).needs !== 'nothing' ? names : [];
      return [...attacked(attack, names), ...against.flatMap((name) => attacked(`${attack}_vs_${name}`, [name]))];
    }),
  ];
}

/** Whether metrics of such a name are told beforehand. */
export function isForetold(metric: string): boolean {
  return !NAMED_ELSEWHERE.test(metric);
}
