import type { AccuracyRow } from '../sweep/table.js';
import { isLogarithmic, shortKey, valuesOf, type SweepAxes } from './sweep-axes.js';

export const PANEL_HEIGHT = 180;

const COLOUR = {
  field: 'accuracy',
  type: 'quantitative' as const,
  scale: { domain: [0, 1], scheme: 'viridis' as const },
  legend: { format: '%', gradientLength: PANEL_HEIGHT, title: 'accuracy' },
};

/** Accuracies as colours over two numbers: fields, each with its figure, or strewn points. */
export function overTwo(axes: SweepAxes, rows: readonly AccuracyRow[]) {
  return axes.kind === 'heat' ? heat(axes) : strewn(axes, rows);
}

function strewn({ x, y }: SweepAxes, rows: readonly AccuracyRow[]) {
  const axis = (field: string, key: string) => ({
    field,
    type: 'quantitative' as const,
    title: shortKey(key),
    scale: isLogarithmic(valuesOf(rows, key)) ? { type: 'log' as const } : { zero: false, padding: 12 },
  });
  return {
    mark: { type: 'circle' as const, size: 190, opacity: 1, stroke: '#666666', strokeWidth: 0.5 },
    encoding: { x: axis('x', x!), y: axis('y', y!), color: COLOUR },
  };
}

function heat({ x, y }: SweepAxes) {
  const axis = (field: string, key: string) => ({
    field,
    type: 'ordinal' as const,
    title: shortKey(key),
    axis: { labelAngle: 0 },
  });
  return {
    encoding: { x: axis('x', x!), y: { ...axis('y', y!), sort: 'descending' as const } },
    layer: [
      { mark: { type: 'rect' as const }, encoding: { color: COLOUR } },
      {
        mark: { type: 'text' as const, fontSize: 10 },
        encoding: {
          text: { field: 'accuracy', type: 'quantitative' as const, format: '.0%' },
          color: { condition: { test: 'datum.accuracy > 0.6', value: 'black' }, value: 'white' },
        },
      },
    ],
  };
}
