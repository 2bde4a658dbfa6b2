import type { Summary } from '../pipeline/summary/summary.js';
import type { Accuracy } from '../pipeline/summary/accuracy.js';
import { interval, percent, plainTable } from './plain-table.js';

/** How the draws of each random defense differ, over the clean images and behind each attack; empty where none is random. */
export function drawsTable(summary: Summary): string {
  const rows = judged(summary).flatMap(([source, defense, { draws }]) =>
    draws
      ? [
          [
            `${source} › ${defense}`,
            String(draws.n),
            `${percent(draws.mean)} ± ${percent(draws.deviation)}`,
            `${percent(draws.low)}–${percent(draws.high)}`,
            percent(draws.imageDeviation),
            percent(draws.agreement),
            percent(draws.unanimous),
          ],
        ]
      : [],
  );
  if (rows.length === 0) return '';
  const head = ['draws of top-1, %', 'n', 'mean ± sd', '95 %', 'sd images', 'agree', 'all'];
  const table = plainTable(head, ['left', 'right', 'right', 'right', 'right', 'right', 'right']);
  table.push(...rows);
  return `${table.toString()}\n\n${[
    'mean ± sd: accuracy of each draw; 95 %: of that mean (t); sd images: of the',
    'share of draws that are right; agree: two draws of an image name one class;',
    `all: every draw does${rows.some(([name]) => name!.includes('*')) ? '; *: the adaptive attack' : ''}`,
  ].join('\n')}`;
}

/** What each member says by itself, a table for each ensemble of more than one. */
export function membersTables(summary: Summary): string[] {
  const all = judged(summary).filter(([, , { ensemble }]) => ensemble && ensemble.members.length > 1);
  const names = [...new Set(all.map(([, defense]) => defense))];
  return names.map((name) => {
    const table = plainTable(
      [`members of ${name}, %`, 'top-1  [95 %]', 'with the ensemble'],
      ['left', 'right', 'right'],
    );
    for (const [source, , accuracy] of all.filter(([, defense]) => defense === name)) {
      const { members, unanimous } = accuracy.ensemble!;
      table.push([source, '', unanimous === undefined ? '' : `all agree ${percent(unanimous)}`]);
      for (const { name: member, top1, agreement } of members)
        table.push([`  ${member}`, interval(top1), agreement === undefined ? '' : percent(agreement)]);
    }
    return table.toString();
  });
}

/** [images, defense, accuracy behind it]: the clean images, then those of each attack. */
function judged(summary: Summary): (readonly [string, string, Accuracy])[] {
  const clean = Object.entries(summary.cleanDefended).map(([name, accuracy]) => ['clean', name, accuracy] as const);
  const attacked = Object.entries(summary.attacks).flatMap(([attack, { against, defenses }]) =>
    Object.entries(defenses).map(
      ([name, { accuracy }]) => [against ? `${against.attack}*` : attack, name, accuracy] as const,
    ),
  );
  return [...clean, ...attacked];
}
