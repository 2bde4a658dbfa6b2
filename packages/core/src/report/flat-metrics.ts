import type { Accuracy, Norms, Summary } from '../pipeline/summary.js';

/** Metrics as flat numbers, for metrics.json and trackers: `attack/cw_l2/success`, `defended/cw_l2/slq/top1`, … */
export function flatMetrics(summary: Summary): Record<string, number> {
  const metrics: Record<string, number> = { images: summary.images, dropped: summary.dropped.length };
  const put = (key: string, value: number | null | undefined) => {
    if (value !== null && value !== undefined) metrics[key] = value;
  };
  const accuracy = (key: string, { top, draws }: Accuracy) => {
    for (const [k, { share: value, low, high }] of Object.entries(top)) {
      put(`${key}/top${k}`, value);
      put(`${key}/top${k}_low`, low);
      put(`${key}/top${k}_high`, high);
    }
    put(`${key}/draws_deviation`, draws?.deviation);
  };
  const norms = (key: string, value: Norms) => {
    put(`${key}_mean_all`, value.meanAll);
    put(`${key}_mean_success`, value.meanSuccess);
    put(`${key}_median_success`, value.medianSuccess);
  };
  accuracy('clean', summary.clean);
  for (const [name, value] of Object.entries(summary.cleanDefended)) accuracy(`clean_defended/${name}`, value);
  for (const [name, attack] of Object.entries(summary.attacks)) {
    accuracy(`attacked/${name}/float`, attack.float);
    accuracy(`attacked/${name}/rounded`, attack.rounded);
    const key = `attack/${name}`;
    put(`${key}/attacked`, attack.attacked);
    put(`${key}/success`, attack.success.share);
    if (!attack.against) put(`${key}/success_rounded`, attack.successRounded.share);
    norms(`${key}/l0`, attack.l0);
    norms(`${key}/l2`, attack.l2);
    norms(`${key}/linf`, attack.linf);
    norms(`${key}/normalized_l2`, attack.normalizedL2);
    norms(`${key}/normalized_l2_original`, attack.normalizedL2Original);
    put(`${key}/iterations`, attack.iterations);
    put(`${key}/forwards`, attack.forwards);
    put(`${key}/gradients`, attack.gradients);
    put(`${key}/failures`, attack.failures);
    put(`${key}/seconds`, attack.seconds);
    for (const [defense, value] of Object.entries(attack.defenses)) {
      accuracy(`defended/${name}/${defense}`, value.accuracy);
      put(`defended/${name}/${defense}/recovered`, value.recovered.float);
      put(`defended/${name}/${defense}/recovered_rounded`, value.recovered.rounded);
      put(`defended/${name}/${defense}/seconds`, value.seconds);
    }
  }
  return metrics;
}
