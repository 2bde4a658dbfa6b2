import { wrapFor } from '../report/wrap.js';
import { shownValue } from '../sweep/results.js';

/** The end of a run's id, by which it may be named: the whole one leaves a row no room. */
export function runEnd(id: string | undefined): string {
  return id?.slice(-6) ?? '';
}

/** `best defended/fgsm/jpeg/top1: 0.7500, cell 4: defenses.jpeg.quality=80` */
export function bestLine(
  metric: string,
  value: number,
  { cell, params }: { readonly cell: number; readonly params: Readonly<Record<string, unknown>> },
): string {
  const settings = Object.entries(params).map(([key, each]) => `${key}=${shownValue(each)}`);
  return `${wrapFor(process.stdout, `best ${metric}: ${value.toFixed(4)}, cell ${cell}: ${settings.join(' ')}`)}\n`;
}
