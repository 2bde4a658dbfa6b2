import type { AttackSummary, Summary } from '../pipeline/summary/summary.js';
import type { Accuracy } from '../pipeline/summary/accuracy.js';
import { matrixTables } from './matrix-table.js';
import { interval, plainTable } from './plain-table.js';
import { wrap } from './wrap.js';
import { drawsTable, membersTables } from './randomness-tables.js';

export interface TableOptions {
  readonly model: string;
  readonly dataset: string;
  readonly handover: 'round' | 'truncate';
  readonly top: readonly number[];
  /** The model that images were made on, in a black-box threat. */
  readonly source?: string;
}

/** What a run found, for a terminal of 80 columns: accuracies with their intervals, then what each attack did. */
export function resultsTable(summary: Summary, options: TableOptions): string {
  const n = summary.images;
  const lines = [`${options.model} on ${options.dataset}, ${n} image${n === 1 ? '' : 's'}`];
  if (summary.dropped.length > 0) lines.push(`${summary.dropped.length} left out: ${names(summary.dropped)}`);
  lines.push('', accuracyTable(summary, options), '', footnotes(summary, options));
  if (Object.keys(summary.attacks).length > 0) lines.push('', attackTable(summary));
  for (const table of matrixTables(summary, options.handover)) lines.push('', table);
  for (const table of [drawsTable(summary), ...membersTables(summary)]) if (table) lines.push('', table);
  return `${lines.join('\n').replaceAll(/ +$/gm, '')}\n`;
}

function accuracyTable(summary: Summary, { handover, top }: TableOptions): string {
  const attacked = Object.keys(summary.attacks).length > 0;
  const table = plainTable(
    ['accuracy, %', ...top.map((k) => `top-${k}  [95 %]`), ...(attacked ? ['recovered'] : []), 's'],
    ['left', ...top.map(() => 'right' as const), ...(attacked ? ['right' as const] : []), 'right'],
  );
  const row = (label: string, accuracy: Accuracy, share: string, seconds?: number) =>
    table.push([
      label,
      ...top.map((k) => interval(accuracy.top[String(k)]!)),
      ...(attacked ? [share] : []),
      seconds === undefined ? '' : duration(seconds),
    ]);
  row('clean', summary.clean, '', summary.cleanSeconds);
  for (const [name, accuracy] of Object.entries(summary.cleanDefended)) row(`  ${name}`, accuracy, '');
  for (const [name, attack] of Object.entries(summary.attacks)) {
    if (attack.against) continue;
    row(name, attack.float, '', attack.seconds);
    row(handover === 'round' ? '  rounded to 8 bits' : '  cut to 8 bits', attack.rounded, '');
    for (const [defense, { accuracy, recovered, seconds }] of Object.entries(attack.defenses)) {
      row(`  ${defense}`, accuracy, `${share(recovered.float)} | ${share(recovered.rounded)}`, seconds);
      const adaptive = adaptiveOf(summary, name, defense);
      if (adaptive) row(`  ${defense}, adaptive`, adaptive.defenses[defense]!.accuracy, '', adaptive.seconds);
    }
  }
  return table.toString();
}

function adaptiveOf(summary: Summary, attack: string, defense: string): AttackSummary | undefined {
  return Object.values(summary.attacks).find(
    ({ against }) => against?.attack === attack && against.defense === defense,
  );
}

function attackTable(summary: Summary): string {
  const table = plainTable(
    ['attack', 'success', '8 bits', 'L2', 'median', 'L∞·255', 'normalized L2', 'gradients'],
    ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
  );
  for (const [name, attack] of Object.entries(summary.attacks)) {
    table.push(attackRow(name, attack));
    for (const [part, images] of Object.entries(attack.by))
      table.push([`  by ${part}`, `${images}/${attack.attacked}`, '', '', '', '', '', '']);
    if (attack.successOnSource)
      table.push(['  on its source', `${attack.successOnSource.count}/${attack.attacked}`, '', '', '', '', '', '']);
    if (attack.beforeGrid) table.push(beforeGridRow(attack, attack.beforeGrid));
  }
  return table.toString();
}

function attackRow(name: string, attack: AttackSummary): string[] {
  return [
    name,
    `${attack.success.count}/${attack.attacked}`,
    attack.against ? '–' : `${attack.successRounded.count}/${attack.attacked}`,
    number(attack.l2.meanSuccess, 3),
    number(attack.l2.medianSuccess, 3),
    number(scale(attack.linf.meanSuccess, 255), 1),
    `${number(attack.normalizedL2.meanAll, 5)} | ${number(attack.normalizedL2.meanSuccess, 5)}`,
    number(attack.gradients, 0),
  ];
}

/** What the attack had found among floats, under what it found on the grid. */
function beforeGridRow(
  { attacked }: AttackSummary,
  { success, l2, linf }: NonNullable<AttackSummary['beforeGrid']>,
): string[] {
  return [
    '  before the grid',
    `${success.count}/${attacked}`,
    '',
    number(l2.meanSuccess, 3),
    number(l2.medianSuccess, 3),
    number(scale(linf.meanSuccess, 255), 1),
    '',
    '',
  ];
}

function footnotes(summary: Summary, { handover, source }: TableOptions): string {
  const random = Object.values(summary.cleanDefended).find((accuracy) => accuracy.draws);
  const notes = [
    ...(Object.keys(summary.attacks).length > 0 && Object.keys(summary.cleanDefended).length > 0
      ? ['recovered: share of the lost images, % | against the same images in 8 bits']
      : []),
    ...(random
      ? [`random defenses: mean of ${random.draws!.n} draws an image; [95 %] over images and their draws`]
      : []),
    ...(source && Object.keys(summary.attacks).length > 0 ? [`black-box: the images were made on ${source}`] : []),
    ...(Object.values(summary.attacks).some(({ against }) => against)
      ? ['adaptive: made to go through that defense (NAME_vs_DEFENSE, success behind it)']
      : []),
    ...waysBack(summary),
    ...(Object.keys(summary.attacks).length > 0
      ? [
          `8 bits: by ${handover === 'truncate' ? 'truncating' : 'rounding'}, as a codec is handed the images`,
          'L2, L∞, median: over successes; normalized L2: over all | over successes',
        ]
      : []),
  ];
  return notes.join('\n');
}

/** Which gradient adaptive attacks followed through which defenses. */
function waysBack(summary: Summary): string[] {
  const ways = Object.values(summary.attacks).flatMap(({ against }) => (against?.back ? [against.back] : []));
  const names = (of: 'own' | 'identity') => [...new Set(ways.flatMap((way) => way[of]))];
  const parts = [
    ...(names('own').length > 0 ? [`by their own gradients through ${names('own').join(', ')}`] : []),
    ...(names('identity').length > 0 ? [`by the identity (BPDA) through ${names('identity').join(', ')}`] : []),
  ];
  const draws = Math.max(1, ...ways.map((way) => way.draws));
  const mean = draws > 1 ? [`where a defense draws, the mean of ${draws} draws a step (EOT)`] : [];
  return parts.length > 0 ? [wrap(`way back: ${[...parts, ...mean].join('; ')}`, 80)] : [];
}

function share(value: number | null): string {
  return value === null ? '–' : (100 * value).toFixed(0);
}

function number(value: number | undefined, digits: number): string {
  return value === undefined ? '–' : value.toFixed(digits);
}

function scale(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor;
}

/** Seconds with one digit below ten, `12 m 03 s` above a hundred. */
export function duration(seconds: number): string {
  if (seconds < 10) return seconds.toFixed(1);
  if (seconds < 100) return seconds.toFixed(0);
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, '0')}`;
  return `${Math.floor(whole / 3600)}h${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')}`;
}

function names(dropped: Summary['dropped']): string {
  const shown = dropped.slice(0, 5).map(({ id }) => id);
  return shown.join(', ') + (dropped.length > shown.length ? ', …' : '');
}
