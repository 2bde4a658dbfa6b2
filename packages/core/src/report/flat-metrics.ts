import type { Norms, Summary } from '../pipeline/summary/summary.js';
import type { Accuracy } from '../pipeline/summary/accuracy.js';

/** Metrics as flat numbers, for metrics.json and trackers: `attack/cw_l2/success`, `defended/cw_l2/slq/top1`, … */
export function flatMetrics(summary: Summary): Record<string, number> {
  const metrics: Record<string, number> = { images: summary.images, dropped: summary.dropped.length };
  const put = (key: string, value: number | null | undefined) => {
    if (value !== null && value !== undefined) metrics[key] = value;
  };
  const accuracy = (key: string, { top, draws, ensemble }: Accuracy) => {
    for (const [k, { share: value, low, high }] of Object.entries(top)) {
      put(`${key}/top${k}`, value);
      put(`${key}/top${k}_low`, low);
      put(`${key}/top${k}_high`, high);
    }
    if (draws) {
      put(`${key}/draws_mean`, draws.mean);
      put(`${key}/draws_deviation`, draws.deviation);
      put(`${key}/draws_low`, draws.low);
      put(`${key}/draws_high`, draws.high);
      put(`${key}/image_deviation`, draws.imageDeviation);
      put(`${key}/agreement`, draws.agreement);
      put(`${key}/draws_unanimous`, draws.unanimous);
    }
    put(`${key}/members_unanimous`, ensemble?.unanimous);
    for (const member of ensemble?.members ?? []) {
      put(`${key}/members/${member.name}/top1`, member.top1.share);
      put(`${key}/members/${member.name}/agreement`, member.agreement);
    }
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
    for (const [why, images] of Object.entries(attack.leftOut)) put(`${key}/left_out/${why}`, images);
    put(`${key}/success`, attack.success.share);
    if (!attack.against) put(`${key}/success_rounded`, attack.successRounded.share);
    if (attack.successOnSource) put(`${key}/success_on_source`, attack.successOnSource.share);
    if (attack.beforeGrid) {
      put(`${key}/before_grid/success`, attack.beforeGrid.success.share);
      norms(`${key}/before_grid/l2`, attack.beforeGrid.l2);
      norms(`${key}/before_grid/linf`, attack.beforeGrid.linf);
    }
    norms(`${key}/l0`, attack.l0);
    norms(`${key}/l1`, attack.l1);
    norms(`${key}/l2`, attack.l2);
    norms(`${key}/linf`, attack.linf);
    norms(`${key}/normalized_l2`, attack.normalizedL2);
    norms(`${key}/normalized_l2_original`, attack.normalizedL2Original);
    put(`${key}/iterations`, attack.iterations);
    put(`${key}/forwards`, attack.forwards);
    put(`${key}/gradients`, attack.gradients);
    put(`${key}/failures`, attack.failures);
    for (const [part, images] of Object.entries(attack.by)) put(`${key}/by/${part}`, images);
    for (const [flag, images] of Object.entries(attack.flags)) put(`${key}/flags/${flag}`, images);
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
