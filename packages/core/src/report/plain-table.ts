import Table from 'cli-table3';
import type { Proportion } from '../pipeline/summary/statistics.js';

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** A table without borders, two spaces between its columns. */
export function plainTable(head: string[], colAligns: ('left' | 'right')[]): Table.Table {
  return new Table({
    head,
    colAligns,
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
}

/** `85.0 [64.0–94.8]`, in percent. */
export function interval({ share: value, low, high }: Proportion): string {
  return value === undefined ? '–' : `${percent(value)} [${percent(low!)}–${percent(high!)}]`;
}

export function percent(value: number): string {
  return (100 * value).toFixed(1);
}
