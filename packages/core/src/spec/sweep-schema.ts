import { Type } from '@sinclair/typebox';

/*
 * What may stand under `sweep:`. The values that are swept are read by sweep/axes, which knows their places in the text;
 * here they are anything.
 */

const points = (description: string) => Type.Record(Type.String(), Type.Unknown(), { description });

const conditions = (description: string) =>
  Type.Array(Type.Union([Type.String({ minLength: 1 }), Type.Record(Type.String(), Type.Unknown())]), { description });

export const sweepSchema = Type.Object(
  {
    grid: Type.Optional(
      points(
        'every combination: KEY: [values], or { range: [from, to, step] } (without to), { linspace: [from, to, n] }, { logspace: [from, to, n] } (with to), { glob: PATTERN } over configs or plugins',
      ),
    ),
    zip: Type.Optional(points('keys that go together, the first values of all, then the second ones: KEY: [values]')),
    list: Type.Optional(Type.Array(points('KEY: value'), { description: 'points written out, one mapping each' })),
    random: Type.Optional(
      Type.Object(
        { n: Type.Integer({ minimum: 1, description: 'points that are drawn' }) },
        {
          description:
            'points drawn from the seed: n, and KEY: { uniform: [low, high] }, { loguniform: [low, high] }, { normal: [mean, deviation] }, { integer: [low, high] } or { choice: [values] }',
        },
      ),
    ),
    repeats: Type.Optional(
      Type.Integer({ minimum: 1, description: 'times that each point is run, with seeds that follow the spec’s' }),
    ),
    include: Type.Optional(
      conditions(
        'points that stay, those that meet any of these: "KEY>=value and KEY=value", or { KEY: value, KEY: [values] }',
      ),
    ),
    exclude: Type.Optional(conditions('points that are left out, those that meet any of these; as include')),
    on_failure: Type.Union([Type.Literal('continue'), Type.Literal('stop')], {
      default: 'continue',
      description: 'what a cell that failed means to the others: continue, or stop',
    }),
    retries: Type.Integer({
      minimum: 0,
      maximum: 100,
      default: 2,
      description:
        'more attempts at a cell whose failure may pass: a worker that was lost, a download; out of memory: with half the batch',
    }),
    backoff: Type.Number({
      minimum: 0,
      maximum: 3600,
      default: 2,
      description: 'seconds before the first of these, twice as many before each further one, at most 600',
    }),
    metric: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'metric that cells are compared by, * for any name: defended/*/*/top1; several are averaged',
      }),
    ),
    goal: Type.Union([Type.Literal('max'), Type.Literal('min')], {
      default: 'max',
      description: 'whether the best cell has the largest metric or the smallest',
    }),
  },
  {
    additionalProperties: false,
    description: 'what is varied, cell by cell, and how the cells are run; no part of any cell’s hash',
  },
);
