import { expect, it } from 'vitest';
import { proportion } from '../pipeline/summary/statistics.js';
import type { Summary } from '../pipeline/summary/summary.js';
import { matrixTables } from './matrix-table.js';

const accuracy = (count: number) => ({ top: { '1': proportion(count, 10) } });
const attack = (float: number, rounded: number, defenses: Record<string, number>, against?: object) => ({
  ...{ float: accuracy(float), rounded: accuracy(rounded) },
  defenses: Object.fromEntries(Object.entries(defenses).map(([name, count]) => [name, { accuracy: accuracy(count) }])),
  ...(against ? { against } : {}),
});
const summary = (attacks: Record<string, object>, defenses = { jpeg: 9, slq: 8, median: 7 }) =>
  ({
    clean: accuracy(10),
    cleanDefended: Object.fromEntries(Object.entries(defenses).map(([name, count]) => [name, accuracy(count)])),
    attacks,
  }) as unknown as Summary;

const fgsm = attack(1, 2, { jpeg: 3, slq: 4, median: 5 });
const df = attack(0, 6, { jpeg: 7, slq: 8, median: 5 });
const behind = attack(0, 0, { jpeg: 1 }, { attack: 'fgsm', defense: 'jpeg' });

it('a row a defense, a column an attack; adaptive ones below the defense that they know', () => {
  const attacks = { fgsm, fgsm_vs_jpeg: behind, df, cw: df };
  expect(matrixTables(summary(attacks), 'truncate').map((table) => table.replaceAll(/ +$/gm, ''))).toEqual([
    `top-1, %        clean  fgsm    df    cw
none            100.0  10.0   0.0   0.0
cut to 8 bits          20.0  60.0  60.0
jpeg             90.0  30.0  70.0  70.0
jpeg, adaptive         10.0
slq              80.0  40.0  80.0  80.0
median           70.0  50.0  50.0  50.0`,
  ]);
});

it('more than 80 columns hold go on in another table', () => {
  const names = Array.from({ length: 12 }, (_, i) => `attack_number_${i}`);
  const tables = matrixTables(summary(Object.fromEntries(names.map((name) => [name, df]))), 'round');
  const heads = tables.map((table) => table.split('\n')[0]!);
  expect(heads.length).toBe(4);
  expect(heads.flatMap((head) => head.trim().split(/ {2,}/).slice(1))).toEqual(['clean', ...names]);
  for (const line of tables.join('\n').split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});

it('few attacks or defenses need none', () => {
  expect(matrixTables(summary({ fgsm, df }), 'round')).toEqual([]);
  expect(matrixTables(summary({ fgsm, df, cw: df }, { jpeg: 1, slq: 2 } as never), 'round')).toEqual([]);
});
