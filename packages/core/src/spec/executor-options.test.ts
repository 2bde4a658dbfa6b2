import { Type } from '@sinclair/typebox';
import { describe, expect, it } from 'vitest';
import { ShieldErrors, type ShieldError } from '../errors/index.js';
import { defineExecutor } from '../plugin/define.js';
import { specRegistry } from '../testing/spec-plugins.js';
import { loadSpec } from './load-spec.js';

const crew = defineExecutor({
  name: 'crew',
  summary: 'an executor with an option of its own',
  options: Type.Object({
    workers: Type.Integer({ minimum: 0, default: 0, affectsResult: false, description: 'processes' }),
  }),
  open: () => Promise.reject(new Error('an executor of the tests of specs was opened')),
});
const registry = specRegistry();
registry.register(crew, 'test');

const spec = (execution: string) =>
  `model: { use: net }\ndataset: { use: drawings }\nexecution: { threads: 3, ${execution} }\n`;
const execution = async (text: string, overrides: string[]) =>
  (await loadSpec(spec(text), { registry, overrides })).resolved.execution;
const codes = (text: string, overrides: string[]) =>
  execution(text, overrides).then(
    () => [],
    (error: unknown) => (error instanceof ShieldErrors ? error.errors : [error as ShieldError]).map(({ code }) => code),
  );

describe('options of an executor that is not the one chosen', () => {
  it.each(['workers: 2', 'use: crew, workers: 2'])('go with it: %s', async (text) => {
    expect(await execution(text, ['execution.use=inline'])).toEqual({
      use: 'inline',
      shards: 1,
      threads: 3,
      time_limit: 0,
      strip: 6,
    });
    expect(await execution(text, ['execution.use=crew'])).toMatchObject({ use: 'crew', threads: 3, workers: 2 });
  });

  it('are refused where they are typed, where none is chosen, and where no executor has them', async () => {
    expect(await codes('strip: 0', ['execution.use=inline', 'execution.workers=2'])).toEqual(['OVERRIDE_UNKNOWN_KEY']);
    expect(await codes('workers: 2', [])).toEqual(['SPEC_UNKNOWN_KEY']);
    expect(await codes('wrokers: 2', ['execution.use=inline'])).toEqual(['SPEC_UNKNOWN_KEY']);
    expect(await codes('workers: 2', ['execution.use=nobody'])).not.toEqual([]);
  });

  it('a later choice holds: a sweep goes on with another executor than it was begun with', async () => {
    const begun = ['execution.use=crew', 'execution.workers=2'];
    expect(await execution('strip: 0', [...begun, 'execution.use=inline'])).not.toHaveProperty('workers');
  });
});
