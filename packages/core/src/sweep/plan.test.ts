import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { formatLocation } from '../errors/index.js';
import { loadSpec } from '../spec/load-spec.js';
import { specRegistry } from '../testing/spec-plugins.js';
import { SWEPT_SPEC, errorsOf, planOf } from '../testing/sweep-specs.js';
import type { SweepPlan } from './plan.js';

const folder = mkdtempSync(join(tmpdir(), 'shield-sweep-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const plan = (sweep: string, overrides: string[] = []) => planOf(folder, `${SWEPT_SPEC}${sweep}`, overrides);
const typed = (...overrides: string[]) => planOf(folder, SWEPT_SPEC, overrides, { multirun: true });
const rows = ({ cells }: SweepPlan) => cells.map(({ params }) => Object.values(params));

/** The codes, messages and places of all that is wrong. */
async function wrong(sweep: string, overrides: string[] = []): Promise<string[]> {
  const errors = await errorsOf(plan(sweep, overrides));
  return errors.map(({ code, message, where }) => {
    const place = where ? formatLocation(where).replace(/^.*[/\\]/, '') : '';
    return `${code} ${place} ${message}`;
  });
}

describe('a sweep', () => {
  it('is the product of its grid, the last key changing fastest', async () => {
    const { keys, cells } = await plan('sweep: { grid: { attacks.sign.eps: [2, 4], seed: [1, 2, 3] } }\n');
    expect(keys).toEqual(['attacks.sign.eps', 'seed']);
    expect(cells.map(({ params }) => Object.values(params).join(' '))).toEqual([
      '2 1',
      '2 2',
      '2 3',
      '4 1',
      '4 2',
      '4 3',
    ]);
    expect(cells[4]!.resolved).toMatchObject({ seed: 2, attacks: { sign: { eps: 4 }, push: { use: 'push' } } });
    expect(cells.map(({ cell }) => cell)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('has in common what its cells do not differ in', async () => {
    const { cells } = await plan('sweep: { grid: { attacks.sign.eps: [2, 4], attacks.push.confidence: [1, 5] } }\n');
    const [first, second, third] = cells.map(({ resolved }) => resolved);
    expect(second!.attacks['sign']).toBe(first!.attacks['sign']);
    expect(third!.attacks['push']).toBe(first!.attacks['push']);
    expect(third!.attacks['sign']).not.toEqual(first!.attacks['sign']);
    expect(third!.model).toBe(first!.model);
  });

  it('zips, lists points, repeats by seed, and crosses all of them', async () => {
    const { cells } = await plan(`sweep:
  zip: { attacks.sign.eps: [2, 4], attacks.push.confidence: [10, 20] }
  list: [{ model.width: 8, batch: 4 }, { model.width: 16 }]
  repeats: 2
`);
    expect(cells).toHaveLength(8);
    expect(cells.map(({ resolved }) => resolved.seed).slice(0, 4)).toEqual([7, 8, 7, 8]);
    expect(cells[0]!.params).toEqual({
      'attacks.sign.eps': 2,
      'attacks.push.confidence': 10,
      'model.width': 8,
      batch: 4,
      seed: 7,
    });
    // The second point says nothing of the batch: it stays the spec's.
    expect(cells[2]!.params).not.toHaveProperty('batch');
    expect(cells[2]!.resolved.batch).toBe(16);
    expect(cells.map(({ resolved }) => resolved.attacks['push']!['confidence'])).toEqual([
      ...Array<number>(4).fill(10),
      ...Array<number>(4).fill(20),
    ]);
  });

  it('goes over whole plugins: names, options written out, and patterns over config groups', async () => {
    const files = {
      'configs/spec.yaml': `${SWEPT_SPEC}sweep: { grid: { defense: configs/defense/jpeg-* } }\n`,
      'configs/defense/jpeg-20.yaml': 'use: blocks\nqualities: [20]\n',
      'configs/defense/jpeg-40.yaml': 'use: blocks\nqualities: [40]\n',
      'configs/defense/other.yaml': 'use: round\n',
    };
    const { cells } = await planOf(folder, files);
    expect(cells.map(({ params }) => params['defense'])).toEqual(['jpeg-20', 'jpeg-40']);
    expect(cells.map(({ resolved }) => Object.values(resolved.defenses))).toMatchObject([
      [{ use: 'blocks', qualities: [20] }],
      [{ use: 'blocks', qualities: [40] }],
    ]);
    const whole = await plan('sweep: { grid: { defense: [round, { use: blocks, qualities: [5] }] } }\n');
    expect(whole.cells.map(({ resolved }) => Object.values(resolved.defenses))).toMatchObject([
      [{ use: 'round' }],
      [{ use: 'blocks', qualities: [5] }],
    ]);
    const models = await plan("sweep: { grid: { model: { glob: '*', exclude: 'other*' } } }\n");
    expect(models.cells.map(({ resolved }) => resolved.model.use)).toEqual(['net']);
  });

  it('fills in values that depend on others, in the spec and among the swept ones', async () => {
    const { cells } = await plan(`threat: gray-box
sweep:
  grid:
    attacks.push.confidence: [1, 2]
    attacks.push.max_iterations: ['\${attacks.sign.eps}', 5]
`);
    expect(rows({ cells } as unknown as SweepPlan)).toEqual([
      [1, 8],
      [1, 5],
      [2, 8],
      [2, 5],
    ]);
    const spec = `${SWEPT_SPEC.replace('{ use: sign }', '{ use: sign, eps: "${batch}" }')}sweep: { grid: { batch: [2, 4] } }\n`;
    const dependent = await planOf(folder, spec);
    expect(dependent.cells.map(({ resolved }) => resolved.attacks['sign']!['eps'])).toEqual([2, 4]);
  });

  it('draws points that depend on the seed and the key alone', async () => {
    const random = (n: number) => `sweep:
  random:
    n: ${n}
    attacks.sign.eps: { uniform: [1, 8] }
    attacks.push.learning_rate: { loguniform: [0.001, 0.1] }
    attacks.push.max_iterations: { integer: [5, 7] }
    defenses.blocks.sampling: { choice: ['4:2:0', '4:4:4'] }
`;
    const [few, many, other] = await Promise.all([plan(random(3)), plan(random(40)), plan(random(3), ['seed=8'])]);
    expect(rows(many).slice(0, 3)).toEqual(rows(few));
    expect(rows(other)).not.toEqual(rows(few));
    for (const [eps, rate, steps] of rows(many) as [number, number, number][]) {
      expect(eps).toBeGreaterThanOrEqual(1);
      expect(eps).toBeLessThan(8);
      expect(rate).toBeGreaterThanOrEqual(0.001);
      expect(rate).toBeLessThanOrEqual(0.1);
      expect([5, 6, 7]).toContain(steps);
    }
    // Spread over the decades, not over the numbers.
    const below = rows(many).filter(([, rate]) => (rate as number) < 0.01).length;
    expect(below).toBeGreaterThan(10);
    expect(new Set(rows(many).map(([, , steps]) => steps)).size).toBe(3);
  });

  it('keeps what include names and leaves out what exclude names', async () => {
    const grid = 'grid: { attacks.sign.eps: [2, 4, 8], seed: [1, 2] }';
    const kept = await plan(
      `sweep: { ${grid}, include: ['attacks.sign.eps>=4 and seed=1', { attacks.sign.eps: 2 }] }\n`,
    );
    expect(rows(kept)).toEqual([
      [2, 1],
      [2, 2],
      [4, 1],
      [8, 1],
    ]);
    const left = await plan(`sweep: { ${grid}, exclude: [{ attacks.sign.eps: [2, 4] }] }\n`);
    expect(rows(left)).toEqual([
      [8, 1],
      [8, 2],
    ]);
  });

  it('holds what the command line fixes in every cell, once', async () => {
    const { cells } = await plan('sweep: { grid: { attacks.sign.eps: [2, 4], seed: [1, 2] } }\n', ['seed=9']);
    expect(rows({ cells } as unknown as SweepPlan)).toEqual([
      [2, 9],
      [4, 9],
    ]);
  });

  it('resolves each cell to what its overrides, typed, would', async () => {
    const text = fc
      .string({ minLength: 1, maxLength: 12 })
      .filter((each) => !each.includes('${') && !/["\\]$/.test(each));
    const word = fc.constantFrom('yes', 'null', '12', '1e3', 'a: b', 'a b', '~', '- x', "it's", '#x', '{', ' lead');
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.oneof(text, word), { minLength: 1, maxLength: 3 }), async (texts) => {
        const list = texts.map((each) => JSON.stringify({ description: each })).join(', ');
        const spec = `${SWEPT_SPEC}description: x\n`;
        const { cells } = await planOf(folder, `${spec}sweep: { list: [${list}] }\n`);
        for (const [i, { overrides, hash }] of cells.entries()) {
          const alone = await loadSpec(spec, { registry: specRegistry(), overrides });
          expect(alone.resolved.description).toBe(texts[i]);
          expect(alone.hash).toBe(hash);
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('the command line', () => {
  it('sweeps what Hydra would', async () => {
    expect(rows(await typed('attacks.sign.eps=2,4', 'seed=1,2'))).toEqual([
      [2, 1],
      [2, 2],
      [4, 1],
      [4, 2],
    ]);
    expect(rows(await typed('seed=choice(5, 3)'))).toEqual([[5], [3]]);
    expect(rows(await typed('seed=range(1,4)'))).toEqual([[1], [2], [3]]);
    expect(rows(await typed('seed=range(3)'))).toEqual([[0], [1], [2]]);
    expect(rows(await typed('seed=range(start=1,stop=9,step=4)'))).toEqual([[1], [5]]);
    expect(rows(await typed('seed=range(stop=2)'))).toEqual([[0], [1]]);
    expect(rows(await typed('defenses.blocks.qualities=[10],[20,30]'))).toEqual([[[10]], [[20, 30]]]);
    expect(rows(await typed('model=glob(*)'))).toEqual([['net'], ['other_net']]);
    expect(rows(await typed('model=glob([n*,o*],exclude=o*)'))).toEqual([['net']]);
    expect(rows(await typed('+description=a,"b,c"'))).toEqual([['a'], ['b,c']]);
    expect(rows(await typed('attacks.sign.eps=linspace(1,2,3)'))).toEqual([[1], [1.5], [2]]);
  });

  it.each([
    ['grid: { seed: [1, 2], attacks.sign.eps: [2, 4] }', [[2, 5], [2, 6], [4, 5], [4, 6]]], // prettier-ignore
    ['zip: { seed: [1, 2], attacks.sign.eps: [2, 4] }', [[2, 5], [2, 6], [4, 5], [4, 6]]], // prettier-ignore
    ['zip: { seed: [1, 2], attacks.sign.eps: [2, 2] }', [[2, 5], [2, 6]]], // prettier-ignore
    ['list: [{ seed: 1, attacks.sign.eps: 2 }, { attacks.sign.eps: 4 }]', [[2, 5], [2, 6], [4, 5], [4, 6]]], // prettier-ignore
    ['list: [{ seed: 1 }, { seed: 2 }]', [[5], [6]]],
    ['random: { n: 3, seed: { integer: [10, 20] } }', [[5], [6]]],
    ['repeats: 3', [[5], [6]]],
  ])('takes the place of the same key under sweep: %s', async (sweep, expected) => {
    const spec = `${SWEPT_SPEC}sweep: { ${sweep} }\n`;
    expect(rows(await planOf(folder, spec, ['seed=5,6'], { multirun: true }))).toEqual(expected);
  });

  it('takes the place of the same key in the grid of the spec', async () => {
    const spec = `${SWEPT_SPEC}sweep: { grid: { seed: [1, 2], attacks.sign.eps: [2, 4] } }\n`;
    const { cells } = await planOf(folder, spec, ['seed=5,6,7'], { multirun: true });
    expect(cells.map(({ params }) => [params['attacks.sign.eps'], params['seed']])).toEqual([
      [2, 5],
      [2, 6],
      [2, 7],
      [4, 5],
      [4, 6],
      [4, 7],
    ]);
  });

  it('says what it does not know', async () => {
    for (const [text, part] of [
      ['seed=interval(0,1)', 'uniform'],
      ['seed=shuffle(1,2)', 'leave the function out'],
      ['seed=range(from=1,stop=3)', 'start, stop, step'],
    ] as const) {
      const [error] = await errorsOf(typed(text));
      expect(error).toMatchObject({ code: 'SWEEP_INVALID' });
      expect(error!.fix).toContain(part);
    }
    expect((await errorsOf(typed('seed=glob(*)')))[0]).toMatchObject({ code: 'SWEEP_INVALID' });
    expect((await errorsOf(typed('model=glob(zzz*)')))[0]).toMatchObject({ code: 'SWEEP_EMPTY' });
  });

  it('reads lists as the same values in the spec are read', async () => {
    const value = fc.oneof(
      fc.integer({ min: -1000, max: 1000 }),
      fc.double({ min: 0.001, max: 1000, noNaN: true }),
      fc.boolean(),
      fc.stringMatching(/^[a-z][a-z0-9 _.]{0,8}[a-z]$/),
    );
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(value, { minLength: 2, maxLength: 5, selector: String }), async (values) => {
        const spec = `${SWEPT_SPEC}description: ''\n`;
        const list = values.map((each) => JSON.stringify(each)).join(',');
        const asTyped = await planOf(folder, spec, [`description=${list}`], { multirun: true }).catch(errorsTexts);
        const inSpec = await planOf(folder, `${spec}sweep: { grid: { description: [${list}] } }\n`).catch(errorsTexts);
        expect(asTyped instanceof Array ? asTyped : rows(asTyped)).toEqual(
          inSpec instanceof Array ? inSpec : rows(inSpec),
        );
      }),
      { numRuns: 40 },
    );
  });
});

function errorsTexts(error: unknown): string[] {
  return [error instanceof Error ? error.constructor.name : String(error)];
}

describe('before anything is run', () => {
  it('tells every fault of every cell at its place', async () => {
    const faults = await wrong(`sweep:
  grid:
    attacks.sign.eps: [2, -4, none]
    attacks.push.confidence: [1, -1]
`);
    expect(faults[0]).toBe(
      'SWEEP_CELLS_INVALID  not valid: 5 of the 6 cells of the sweep, the first one attacks.sign.eps=2 attacks.push.confidence=-1',
    );
    expect(faults.slice(1).map((fault) => fault.split(' ').slice(0, 2).join(' '))).toEqual([
      'SPEC_INVALID_VALUE spec.yaml:10:34',
      'SPEC_INVALID_VALUE spec.yaml:9:27',
      'SPEC_INVALID_VALUE spec.yaml:9:31',
    ]);
  });

  it('are told once where the spec has them in every cell, and faults of the settings with all others', async () => {
    const everywhere = await wrong('sweep: { on_failure: maybe, grid: { attacks.sign.eps: [2, 4, high] } }\n', [
      'execution.threads=-1',
    ]);
    expect(everywhere.map((fault) => fault.split(' ').slice(0, 4).join(' '))).toEqual([
      expect.stringMatching(/^SPEC_INVALID_VALUE .* sweep.on_failure must/),
      'SPEC_INVALID_VALUE command line execution.threads',
      'SWEEP_CELLS_INVALID  not valid:',
      expect.stringMatching(/^SPEC_INVALID_VALUE .* attacks.sign.eps must/),
    ]);
    expect(everywhere[2]).toContain('1 of the 3 cells');
    expect(await wrong('sweep: { grid: { attacks.sign.eps: [2, 4] } }\n', ['execution.use=nosuch'])).toEqual([
      'PLUGIN_UNKNOWN command line no executor is named "nosuch"',
    ]);
  });

  it('names all swept keys that do not exist, with what they may have meant, and what else is wrong', async () => {
    const faults = await wrong('sweep: { grid: { attacks.sign.epss: [2, 4], sed: [1], model.width: [-1] } }\n');
    expect(faults[0]).toMatch(/^SWEEP_CELLS_INVALID {2}not valid: 2 of the 2 cells/);
    expect(faults[1]).toMatch(/^SWEEP_UNKNOWN_KEY spec\.yaml:7:18 .*epss.*did you mean/);
    expect(faults[2]).toMatch(/^SWEEP_UNKNOWN_KEY spec\.yaml:7:45 .*"sed"/);
    expect(faults[3]).toMatch(/^SPEC_INVALID_VALUE spec\.yaml:7:69 .*width/);
    expect(faults).toHaveLength(4);
  });

  it('names all values that cannot be read', async () => {
    const grid = 'grid: { batch: [], attacks.sign.eps: { range: [1, 9, 0] } }';
    const faults = await wrong(`sweep: { ${grid}, random: { n: 2, seed: { gauss: [4, 4] } } }\n`);
    expect(faults.map((fault) => fault.split(' ')[0])).toEqual(['SWEEP_EMPTY', 'SWEEP_INVALID', 'SWEEP_INVALID']);
  });

  it.each(['clean/top1', 'defended/*/blocks/top1', 'attack/sign/*', 'attacked/push/rounded/top5_low', 'attack/a/by/b'])(
    'takes the metric %s',
    async (metric) => {
      const { settings } = await plan(`sweep: { grid: { seed: [1, 2] }, metric: ${metric} }\n`);
      expect(settings.metric).toBe(metric);
    },
  );

  it('refuses a metric that no cell will have, with the one that was meant', async () => {
    const found = await wrong('sweep: { grid: { seed: [1, 2] }, metric: defended/sign/blcks/top1 }\n');
    expect(found).toEqual([
      'SWEEP_UNKNOWN_METRIC spec.yaml:7:42 sweep.metric: no cell has a metric defended/sign/blcks/top1; did you mean "defended/sign/blocks/top1"?',
    ]);
    const [first] = await wrong('sweep: { grid: { seed: [1, 2] }, metric: defended/*/blocks/top3 }\n');
    expect(first).toMatch(/^SWEEP_UNKNOWN_METRIC /);
    // Whole plugins may be swept: it is enough that one cell has it.
    const some = 'sweep: { grid: { attack: [sign, push] }, metric: attack/push/success }\n';
    expect((await plan(some)).cells).toHaveLength(2);
  });

  it.each([
    ['sweep: {}\n', 'SWEEP_EMPTY'],
    ['sweep: { grid: {} }\n', 'SWEEP_EMPTY'],
    ['sweep: { grid: { seed: [] } }\n', 'SWEEP_EMPTY'],
    ['sweep: { grid: { seed: { range: [5, 5] } } }\n', 'SWEEP_EMPTY'],
    ['sweep: { grid: { seed: [1] }, exclude: [seed=1] }\n', 'SWEEP_EMPTY'],
    ["sweep: { grid: { model: 'zzz*' } }\n", 'SWEEP_EMPTY'],
    ['sweep: { list: [] }\n', 'SWEEP_INVALID'],
    ['sweep: { list: [7] }\n', 'SPEC_INVALID_VALUE'],
    ['sweep: { zip: { seed: [1, 2], attacks.sign.eps: [1] } }\n', 'SWEEP_INVALID'],
    ['sweep: { grid: { seed: [1] }, zip: { seed: [2] } }\n', 'SWEEP_INVALID'],
    ['sweep: { grid: { seed: [1], +seed: [2] } }\n', 'SWEEP_INVALID'],
    ['sweep: { grid: { seed: { range: [1, 9, 0] } } }\n', 'SWEEP_INVALID'],
    ['sweep: { grid: { seed: { range: [0, 1e9] } } }\n', 'SWEEP_INVALID'],
    ['sweep: { grid: { seed: { linspace: [1, 9] } } }\n', 'SWEEP_INVALID'],
    ['sweep: { grid: { seed: { logspace: [0, 9, 3] } } }\n', 'SWEEP_INVALID'],
    ['sweep: { grid: { seed: { glob: a* } } }\n', 'SWEEP_INVALID'],
    ['sweep: { grid: { sweep.repeats: [1, 2] } }\n', 'SWEEP_INVALID'],
    ['sweep: { random: { n: 2 } }\n', 'SWEEP_INVALID'],
    ['sweep: { random: { n: 2, seed: { uniform: [4, 4] } } }\n', 'SWEEP_INVALID'],
    ['sweep: { random: { n: 2, seed: { gauss: [4, 4] } } }\n', 'SWEEP_INVALID'],
    ['sweep: { grid: { seed: [1] }, exclude: [eps=1] }\n', 'SWEEP_UNKNOWN_KEY'],
    ['sweep: { grid: { seed: [1] }, exclude: [seed] }\n', 'SWEEP_INVALID'],
    ['sweep: { grid: { seed: [1, 1] } }\n', 'SWEEP_EQUAL_CELLS'],
    ['sweep: { list: [{ batch: 16 }, { seed: 7 }] }\n', 'SWEEP_EQUAL_CELLS'],
    ['sweep: { grid: { seed: { range: [0, 1000] }, batch: { range: [1, 1001] } } }\n', 'SWEEP_TOO_LARGE'],
    ['sweep: { grids: { seed: [1] } }\n', 'SPEC_UNKNOWN_KEY'],
    ['sweep: { repeats: 0 }\n', 'SPEC_INVALID_VALUE'],
    ['sweep: 7\n', 'SPEC_INVALID_VALUE'],
    ["sweep: { grid: { attacks.push.confidence: ['${nothing}'] } }\n", 'SWEEP_CELLS_INVALID'],
  ])('%s is refused', async (sweep, code) => {
    const [first] = await wrong(sweep);
    expect(first).toMatch(new RegExp(`^${code} `));
  });
});

describe('a plan of many cells', () => {
  const seeds = (n: number) => `sweep: { grid: { seed: { range: [0, ${n}] }, batch: [1, 2] } }\n`;
  const planMany = (n: number, more: object) => planOf(folder, `${SWEPT_SPEC}${seeds(n)}`, [], { many: true, ...more });

  it('tells how far it is, and lets others have their turn', async () => {
    const told: [number, number][] = [];
    let turns = 0;
    const clock = setInterval(() => turns++, 1);
    const { cells } = await planMany(3000, { progress: (...how: [number, number]) => told.push(how) });
    clearInterval(clock);
    expect(cells).toHaveLength(6000);
    expect(told.length).toBeGreaterThan(1);
    expect(turns).toBeGreaterThan(1);
    expect(told.map(([, of]) => of)).toEqual(told.map(() => 6000));
    expect(told.map(([done]) => done)).toEqual(told.map(([done]) => done).sort((a, b) => a - b));
  });

  it('ends with the reason of its signal, at once', async () => {
    const stopping = new AbortController();
    const reason = new Error('stopped');
    setTimeout(() => stopping.abort(reason), 200);
    const began = performance.now();
    await expect(planMany(90_000, { signal: stopping.signal })).rejects.toBe(reason);
    expect(performance.now() - began).toBeLessThan(2000);
  });

  it.each([
    'sweep: { grid: { seed: { range: [0, 100000] }, batch: { range: [0, 100000] } } }\n',
    'sweep: { repeats: 1000000000 }\n',
    'sweep: { random: { n: 1000000000, seed: { integer: [1, 1000000000] } } }\n',
  ])('that cannot fit into memory is refused before it is made: %s', async (sweep) => {
    const [error] = await errorsOf(planOf(folder, `${SWEPT_SPEC}${sweep}`, [], { many: true }));
    expect(error).toMatchObject({ code: 'SWEEP_NO_MEMORY' });
    expect(error!.message).toMatch(
      /^a sweep of 10?,000,000,000 cells does not fit into memory: it takes about [\d,]+ GB/,
    );
  });
});
