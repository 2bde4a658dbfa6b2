import type { TopLevelSpec } from 'vega-lite';
import { ROUNDED, type AccuracyRow } from '../sweep/table.js';
import { PANEL_HEIGHT, overTwo } from './sweep-fields.js';
import { MOST_PANELS, isLogarithmic, shortKey, shortValue, sweepAxes, valuesOf, type SweepAxes } from './sweep-axes.js';

/** What a panel is of, and what its lines are of. */
export type PanelsBy = 'attack' | 'defense';

const NO_ATTACK = 'no attack';
const NO_DEFENSE = 'no defense';

/** Okabe and Ito's colours, which people with any colour vision tell apart; the first is for what nobody touched. */
const COLOURS = ['#000000', '#D55E00', '#0072B2', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#8C6D31', '#7F7F7F'];

/** Through a defense; images as they are; in 8 bits. */
const DASHES = [
  [1, 0],
  [7, 4],
  [2, 3],
];

const WIDTH = 230;

/** Accuracies of one point of one line, the mean over the cells that differ in nothing shown (their seeds). */
interface Mark {
  readonly attack: string;
  readonly defense: string;
  /** How its line is drawn: see {@link DASHES}. */
  readonly dash: number;
  readonly panel: string;
  readonly x: unknown;
  readonly y?: unknown;
  readonly accuracy: number;
  readonly low?: number;
  readonly high?: number;
}

/**
 * Top-1 accuracy over what is swept, as SVG: one panel an attack and one line a defense, or the other way round. Dashed
 * lines: images as they are, through no defense. Undefined where nothing can be drawn: a single cell, or more panels
 * than anyone would look at.
 */
export async function sweepPlot(
  rows: readonly AccuracyRow[],
  keys: readonly string[],
  by: PanelsBy,
): Promise<string | undefined> {
  const spec = sweepPlotSpec(rows, keys, by);
  if (!spec) return undefined;
  const [{ compile }, { parse, View }] = await Promise.all([import('vega-lite'), import('vega')]);
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

/** The picture as a Vega-Lite specification. */
export function sweepPlotSpec(
  rows: readonly AccuracyRow[],
  keys: readonly string[],
  by: PanelsBy,
): TopLevelSpec | undefined {
  const top1 = rows.filter(({ top }) => top === 1);
  const axes = sweepAxes(top1, keys);
  if (!axes) return undefined;
  const marks = marksOf(top1, axes, by);
  const panels = panelsOf(marks, by, axes);
  if (panels.length === 0 || panels.length > MOST_PANELS) return undefined;
  const lines = namesOf(marks, by === 'attack' ? 'defense' : 'attack', by === 'attack' ? NO_DEFENSE : NO_ATTACK);
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    config: {
      font: 'Helvetica, Arial, sans-serif',
      axis: { labelFontSize: 12, titleFontSize: 13, titleFontWeight: 'normal', gridColor: '#e5e5e5' },
      legend: {
        labelFontSize: 12,
        title: null,
        symbolStrokeWidth: 2,
        symbolSize: 90,
        symbolOpacity: 1,
        labelLimit: 260,
      },
      title: { fontSize: 13, fontWeight: 'bold', anchor: 'start', offset: 6 },
      concat: { spacing: 18 },
      view: { stroke: '#bbbbbb' },
    },
    columns: columnsOf(
      panels.length,
      axes,
      namesOf(marks, axes.y !== undefined ? (by === 'attack' ? 'defense' : 'attack') : by, ''),
    ),
    concat: panels.map((panel) => ({
      title: panel.title,
      width: WIDTH,
      height: PANEL_HEIGHT,
      data: { values: panel.marks as object[] },
      ...(axes.y === undefined ? curves(axes, valuesOf(top1, axes.x ?? ''), by, lines) : overTwo(axes, top1)),
    })) as never,
    resolve: { scale: { color: 'shared' } },
  };
}

/** As many panels beside each other as belong together, where that fits a page. */
function columnsOf(panels: number, { y }: SweepAxes, names: readonly string[]): number {
  return Math.min(panels, y !== undefined && names.length <= 4 ? names.length : 3);
}

function curves(axes: SweepAxes, values: readonly unknown[], by: PanelsBy, lines: readonly string[]) {
  const numeric = axes.kind === 'lines';
  const field = by === 'attack' ? 'defense' : 'attack';
  const title = axes.x === undefined ? (by === 'attack' ? 'defense' : 'attack') : shortKey(axes.x);
  const scale = isLogarithmic(numeric ? values : [1])
    ? { type: 'log' as const }
    : { zero: false, nice: false, padding: 8 };
  const x = numeric
    ? { field: 'x', type: 'quantitative' as const, title, scale }
    : {
        field: 'x',
        type: 'nominal' as const,
        title,
        sort: axes.x === undefined ? [...lines] : null,
        axis: { labelAngle: -35, labelLimit: 140 },
      };
  const color = {
    field,
    type: 'nominal' as const,
    sort: lines,
    scale: { domain: lines, range: lines.map((_, i) => COLOURS[i % COLOURS.length]!) },
  };
  const y = {
    field: 'accuracy',
    type: 'quantitative' as const,
    title: 'top-1 accuracy',
    scale: { domain: [0, 1] },
    axis: { format: '%', tickCount: 6 },
  };
  const dash = {
    field: 'dash',
    type: 'nominal' as const,
    scale: { domain: [0, 1, 2], range: DASHES },
    legend: null,
  };
  const bars = {
    mark: { type: 'rule' as const, opacity: 0.35 },
    encoding: { y: { ...y, field: 'low' }, y2: { field: 'high' } },
  };
  const layer = numeric
    ? [
        bars,
        { mark: { type: 'line' as const, strokeWidth: 2 }, encoding: { y, strokeDash: dash } },
        { mark: { type: 'point' as const, filled: true, size: 36, opacity: 1 }, encoding: { y } },
      ]
    : [bars, { mark: { type: 'point' as const, filled: true, size: 60, opacity: 1 }, encoding: { y } }];
  return { encoding: { x, color }, layer };
}

function marksOf(rows: readonly AccuracyRow[], axes: SweepAxes, by: PanelsBy): Mark[] {
  const groups = new Map<string, { first: AccuracyRow; panel: string; x: unknown; rows: AccuracyRow[] }>();
  for (const row of rows) {
    const { params } = row;
    const panel = axes.panels.map((key) => `${shortKey(key)} ${shortValue(params[key])}`).join(', ');
    const plugin = (by === 'attack' ? row.defense : row.attack) ?? (by === 'attack' ? NO_DEFENSE : NO_ATTACK);
    const value = axes.x === undefined ? plugin : params[axes.x];
    const x = axes.kind === 'points' ? shortValue(value) : value;
    const y = axes.y === undefined ? undefined : params[axes.y];
    // A point of a `list` that says nothing of the axis has no place on it.
    if (x === undefined || (axes.y !== undefined && y === undefined)) continue;
    const id = JSON.stringify([row.attack, row.defense, panel, x, y]);
    const group = groups.get(id);
    if (group) group.rows.push(row);
    else groups.set(id, { first: row, panel, x, rows: [row] });
  }
  return [...groups.values()].map(({ first, panel, x, rows: all }) => {
    const [low, high] = [mean(all.map((row) => row.low)), mean(all.map((row) => row.high))];
    return {
      attack: first.attack ?? NO_ATTACK,
      defense: first.defense ?? NO_DEFENSE,
      dash: first.defense === undefined ? 1 : first.defense === ROUNDED ? 2 : 0,
      panel,
      x,
      ...(axes.y === undefined ? {} : { y: first.params[axes.y] }),
      accuracy: mean(all.map(({ accuracy }) => accuracy))!,
      ...(low === undefined || high === undefined ? {} : { low, high }),
    };
  });
}

/**
 * With a panel for each attack: every way through the defenses of it. With one for each defense: what that defense
 * makes of each attack, and beside it the same images without it.
 */
function panelsOf(marks: readonly Mark[], by: PanelsBy, { y }: SweepAxes): { title: string; marks: Mark[] }[] {
  const field = by;
  const named = namesOf(marks, field, by === 'attack' ? NO_ATTACK : NO_DEFENSE);
  const defended = named.filter((name) => name !== NO_DEFENSE && name !== ROUNDED);
  const names = by === 'defense' && defended.length > 0 ? defended : named;
  const combinations = [...new Set(marks.map(({ panel }) => panel))];
  const both = y !== undefined;
  return combinations.flatMap((panel) =>
    names.flatMap((name) => {
      const inPanel = marks.filter((mark) => mark.panel === panel);
      const own = inPanel.filter((mark) => mark[field] === name);
      const beside =
        by === 'defense' && !both && name !== NO_DEFENSE ? inPanel.filter(({ defense }) => defense === NO_DEFENSE) : [];
      const title = (parts: readonly string[]) => [...parts, ...(panel === '' ? [] : [panel])].join(', ');
      if (!both) return own.length === 0 ? [] : [{ title: title([name]), marks: [...own, ...beside] }];
      const other = by === 'attack' ? 'defense' : 'attack';
      const inside = namesOf(own, other, other === 'attack' ? NO_ATTACK : NO_DEFENSE);
      return inside.map((each) => ({
        title: title([name, each]),
        marks: own.filter((mark) => mark[other] === each),
      }));
    }),
  );
}

/** The names in the order in which they come, what nobody touched first. */
function namesOf(marks: readonly Mark[], field: PanelsBy, untouched: string): string[] {
  const names = [...new Set(marks.map((mark) => mark[field]))];
  return names.includes(untouched) ? [untouched, ...names.filter((name) => name !== untouched)] : names;
}

function mean(values: readonly (number | undefined)[]): number | undefined {
  if (values.length === 0 || values.includes(undefined)) return undefined;
  return (values as number[]).reduce((sum, value) => sum + value, 0) / values.length;
}
