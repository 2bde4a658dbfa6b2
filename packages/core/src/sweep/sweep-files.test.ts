import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { toYaml } from '../spec/to-yaml.js';
import { SWEPT_SPEC, planOf } from '../testing/sweep-specs.js';
import { LongWork } from './long-work.js';
import { commonOf, recordText, resolvedText } from './sweep-files.js';

const folder = mkdtempSync(join(tmpdir(), 'shield-sweep-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the record of a sweep, written in parts', () => {
  const planned = planOf(
    folder,
    `${SWEPT_SPEC}sweep: { grid: { description: ['two\\nlines', 'a: b # c', ' blank', '7'], seed: { range: [0, 501] } } }\n`,
  );

  it('is one YAML document that says what the cells have in common, and every point', async () => {
    const plan = await planned;
    const common = await commonOf(plan.cells, new LongWork());
    expect(common).not.toHaveProperty('seed');
    const { keys, settings, cells } = plan;
    const sweep = { keys, cells: cells.length, ...settings, points: cells.map(({ params }) => params) };
    const text = [...resolvedText(plan, common)].join('');
    expect(parse(text)).toEqual(JSON.parse(JSON.stringify({ ...common, sweep })));
    expect(text).toBe(toYaml({ ...common, sweep } as never));
  });

  it('is one JSON document from which each resolved spec can be put together', async () => {
    const { cells } = await planned;
    const common = await commonOf(cells, new LongWork());
    const head = { format: 1, spec: '/spec', overrides: [], multirun: false, keys: [], goal: 'max', common } as const;
    const { cells: written, ...rest } = JSON.parse([...recordText(head, cells, common)].join('')) as {
      cells: { cell: number; key: string; params: object; own: { seed: number; description: string } }[];
    };
    expect(rest).toEqual(JSON.parse(JSON.stringify(head)));
    expect(written).toHaveLength(cells.length);
    for (const [i, { cell, key, params, own }] of written.entries()) {
      const planned = cells[i]!;
      expect([cell, key, params]).toEqual([planned.cell, planned.key, planned.params]);
      const { seed, description } = planned.resolved as unknown as typeof own;
      expect(own).toEqual({ seed, description });
    }
  });
});
