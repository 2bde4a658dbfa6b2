import { parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { sweepPlot, sweepPlotSpec } from '../report/sweep-plot.js';
import { sweepAxes } from '../report/sweep-axes.js';
import type { SweepPlan } from './plan.js';
import type { CellResult } from './results.js';
import { accuracyRows, accuracyTable, cellTable, toCsv, toParquet } from './table.js';

const EPS = [2, 4];
const QUALITIES = [20, 60, 90];

/** A plan and its results: accuracies that tell which cell they are of. */
function swept(points: readonly Record<string, unknown>[], metrics: (i: number) => Record<string, number>) {
  const cells = points.map((params, i) => ({ cell: i + 1, params, key: `k${i}` }));
  const plan = { keys: [...new Set(points.flatMap(Object.keys))], cells } as unknown as SweepPlan;
  const results = new Map<string, CellResult>(
    cells.map(({ cell, key }, i) => [
      key,
      { cell, key, state: 'COMPLETED', run: `r${i}`, metrics: metrics(i), seconds: 1.5 },
    ]),
  );
  return { plan, results };
}

const METRICS = (i: number) => ({
  images: 100,
  'clean/top1': 0.9,
  'clean/top1_low': 0.85,
  'clean/top1_high': 0.95,
  'clean/top5': 0.99,
  'clean_defended/jpeg/top1': 0.8,
  'attacked/fgsm/float/top1': 0.1,
  'attacked/fgsm/rounded/top1': 0.12,
  'defended/fgsm/jpeg/top1': (40 + i) / 100,
  'defended/fgsm/jpeg/recovered': 0.5,
});

const grid = () =>
  swept(
    EPS.flatMap((eps) => QUALITIES.map((quality) => ({ 'attacks.fgsm.eps': eps, 'defenses.jpeg.quality': quality }))),
    METRICS,
  );

describe('the tables of a sweep', () => {
  it('have one row a cell, with every parameter and metric', () => {
    const { plan, results } = grid();
    results.delete('k5');
    const { columns, rows } = cellTable(plan, results);
    expect(columns.slice(0, 7)).toEqual([
      'cell',
      'state',
      'run',
      'seconds',
      'error',
      'attacks.fgsm.eps',
      'defenses.jpeg.quality',
    ]);
    expect(columns.slice(7)).toEqual(Object.keys(METRICS(0)).sort());
    const at = (row: number, column: string) => rows[row]![columns.indexOf(column)];
    expect(at(4, 'defended/fgsm/jpeg/top1')).toBe(0.44);
    expect([at(5, 'state'), at(5, 'run'), at(5, 'images')]).toEqual(['MISSING', undefined, undefined]);
  });

  it('have one row an accuracy, told by attack and defense', () => {
    const { plan, results } = grid();
    const rows = accuracyRows(plan, results).filter(({ cell }) => cell === 2);
    expect(rows.map(({ attack, defense, top, accuracy, low }) => [attack, defense, top, accuracy, low])).toEqual([
      [undefined, undefined, 1, 0.9, 0.85],
      [undefined, undefined, 5, 0.99, undefined],
      [undefined, 'jpeg', 1, 0.8, undefined],
      ['fgsm', undefined, 1, 0.1, undefined],
      ['fgsm', '8 bits', 1, 0.12, undefined],
      ['fgsm', 'jpeg', 1, 0.41, undefined],
    ]);
    expect(toCsv(accuracyTable(plan, rows)).split('\n').slice(0, 2)).toEqual([
      'cell,attacks.fgsm.eps,defenses.jpeg.quality,attacked_by,defended_by,top,accuracy,low,high',
      '2,2,60,none,none,1,0.9,0.85,0.95',
    ]);
  });

  it('are the same as parquet, with types', async () => {
    const { plan, results } = swept(
      [
        { seed: 1, 'attacks.a.eps': 0.5, defense: 'jpeg', 'dataset.shuffle': true },
        { seed: 2, 'attacks.a.eps': 4, defense: { use: 'jpeg', quality: 20 }, 'dataset.shuffle': false },
      ],
      METRICS,
    );
    const table = cellTable(plan, results);
    const bytes = await toParquet(table);
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    const rows = await parquetReadObjects({ file });
    expect(rows).toHaveLength(2);
    expect(rows[1]).toMatchObject({
      cell: 2,
      state: 'COMPLETED',
      error: null,
      seed: 2,
      'attacks.a.eps': 4,
      'dataset.shuffle': false,
      defense: '{"use":"jpeg","quality":20}',
      'defended/fgsm/jpeg/top1': 0.41,
    });
    expect(toCsv(table).split('\n')[2]).toContain('"{""use"":""jpeg"",""quality"":20}"');
  });
});

describe('the picture of a sweep', () => {
  const axesOf = (points: Record<string, unknown>[]) => {
    const { plan, results } = swept(points, METRICS);
    return sweepAxes(accuracyRows(plan, results), plan.keys);
  };

  it('is of lines over one number, a heat map of two, points of names; seeds are averaged over', () => {
    expect(axesOf(QUALITIES.map((quality) => ({ 'defenses.jpeg.quality': quality })))).toMatchObject({
      kind: 'lines',
      x: 'defenses.jpeg.quality',
    });
    const { plan, results } = grid();
    expect(sweepAxes(accuracyRows(plan, results), plan.keys)).toMatchObject({
      kind: 'heat',
      x: 'attacks.fgsm.eps',
      y: 'defenses.jpeg.quality',
    });
    expect(axesOf([{ defense: 'jpeg' }, { defense: 'slq' }])).toMatchObject({ kind: 'points', x: undefined });
    expect(axesOf([{ seed: 1 }, { seed: 2 }])).toBeUndefined();
    expect(axesOf([1, 2].flatMap((a) => [1, 2].flatMap((b) => [1, 2, 3].map((c) => ({ a, b, c })))))).toMatchObject({
      kind: 'lines',
      x: 'c',
      panels: ['a', 'b'],
    });
  });

  it('of two drawn numbers is strewn points; plugins told apart by their names have lines, not panels', async () => {
    const drawn = [1, 2, 3, 4, 5].map((i) => ({ 'attacks.fgsm.eps': 1.5 * i, 'defenses.jpeg.quality': 17 * i }));
    expect(axesOf(drawn)).toMatchObject({ kind: 'scatter', x: 'attacks.fgsm.eps', y: 'defenses.jpeg.quality' });
    const { plan, results } = swept(drawn, METRICS);
    const svg = await sweepPlot(accuracyRows(plan, results), plan.keys, 'attack');
    for (const text of ['fgsm eps', 'jpeg quality', 'fgsm, jpeg']) expect(svg).toContain(text);
    const defenses = ['jpeg', 'slq'].flatMap((name) => EPS.map((eps) => ({ name, eps })));
    const named = (use: (name: string) => unknown, called = (name: string) => name) => {
      const { plan, results } = swept(
        defenses.map(({ name, eps }) => ({ defense: use(name), 'attacks.fgsm.eps': eps })),
        (i) => ({ [`defended/fgsm/${called(defenses[i]!.name)}/top1`]: 0.5 }),
      );
      return sweepAxes(accuracyRows(plan, results), plan.keys);
    };
    expect(named((name) => ({ use: name }))).toMatchObject({ kind: 'lines', x: 'attacks.fgsm.eps', panels: [] });
    // By one name two of them would be one line.
    const alike = named(
      (name) => ({ use: 'jpeg', quality: name.length }),
      () => 'jpeg',
    );
    expect(alike).toMatchObject({ kind: 'lines', x: 'attacks.fgsm.eps', panels: ['defense'] });
  });

  it('has what it shows: every accuracy at its place, the mean over seeds', async () => {
    const points = QUALITIES.flatMap((quality) => [1, 2].map((seed) => ({ 'defenses.jpeg.quality': quality, seed })));
    const { plan, results } = swept(points, METRICS);
    const rows = accuracyRows(plan, results);
    const spec = sweepPlotSpec(rows, plan.keys, 'attack') as unknown as {
      concat: { title: string; data: { values: { x: number; defense: string; accuracy: number }[] } }[];
    };
    expect(spec.concat.map(({ title }) => title)).toEqual(['no attack', 'fgsm']);
    const jpeg = spec.concat[1]!.data.values.filter(({ defense }) => defense === 'jpeg');
    expect(jpeg.map(({ x }) => x)).toEqual(QUALITIES);
    // Cells 1 and 2, 3 and 4, 5 and 6 differ in their seeds.
    expect(jpeg.map(({ accuracy }) => accuracy.toFixed(3))).toEqual(['0.405', '0.425', '0.445']);
    const svg = await sweepPlot(rows, plan.keys, 'defense');
    for (const text of ['jpeg quality', 'top-1 accuracy', 'no attack', 'fgsm']) expect(svg).toContain(text);
  });

  it('of two numbers writes each accuracy into its field', async () => {
    const { plan, results } = grid();
    const svg = await sweepPlot(accuracyRows(plan, results), plan.keys, 'attack');
    for (const text of ['40%', '41%', '45%', 'fgsm eps', 'jpeg quality']) expect(svg).toContain(text);
  });
});
