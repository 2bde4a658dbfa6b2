import type { Reporter } from '../pipeline/reporter.js';
import type { Summary } from '../pipeline/summary/summary.js';
import type { ModelPlugin } from '../plugin/define.js';

/** Points of accuracy below the published one that other photos and resizing may explain. */
const MARGIN = 0.1;

/** A model far below its published accuracy is rarely a bad model: labels, class order or preprocessing are wrong. */
export function warnOfLowAccuracy(summary: Summary, model: ModelPlugin, reporter: Reporter): void {
  const top1 = summary.clean.top['1'];
  if (!model.accuracy || top1?.high === undefined) return;
  const { top1: published, on } = model.accuracy;
  if (top1.high >= published - MARGIN) return;
  reporter.warn(
    `${model.name} gets ${percent(top1.share!)} of these images right; published: ${percent(published)} on ${on}. ` +
      'Check the labels, their order and the preprocessing before believing what follows.',
  );
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}
