import fc from 'fast-check';
import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
import { specRegistry } from '../testing/spec-plugins.js';
import { escapeExpressions } from './interpolate.js';
import { loadSpec } from './load-spec.js';
import { resolvedHash, toYaml } from './to-yaml.js';

const registry = specRegistry();
const load = (text: string) => loadSpec(text, { registry });

/** Text that is hard on YAML, interpolation and line folding. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc
    .array(
      fc.constantFrom(
        '${',
        '}',
        '\\',
        'yes',
        ': ',
        '#',
        '\n',
        '\t',
        ' ',
        '- ',
        "'",
        '"',
        '1e3',
        '|',
        'null',
        '\u2028',
        'é',
      ),
    )
    .map((parts) => parts.join('')),
);
const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,20}$/);
const positive = fc.double({ min: 1e-300, max: 1e300, noNaN: true });
const attack = fc.oneof(
  fc.record(
    {
      use: fc.constantFrom('push', 'shove'),
      confidence: fc.double({ min: 0, noDefaultInfinity: true, noNaN: true }),
      learning_rate: positive,
      abort_early: fc.boolean(),
      target: fc.oneof(fc.constantFrom('none', 'random', 'least_likely'), fc.nat()),
      labels: fc.constantFrom(true, 'predicted'),
    },
    { requiredKeys: ['use'] },
  ),
  fc.record(
    { use: fc.constant('sign'), eps: fc.double({ min: 1e-9, max: 255, noNaN: true }) },
    { requiredKeys: ['use'] },
  ),
);
const spec = fc.record(
  {
    name: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/),
    description: text,
    seed: fc.maxSafeNat(),
    batch: fc.integer({ min: 1, max: 4096 }),
    model: fc.record({ use: fc.constant('net'), width: fc.integer({ min: 1 }) }, { requiredKeys: ['use'] }),
    dataset: fc.record(
      { use: fc.constant('folder'), path: text.filter((path) => path !== ''), limit: fc.nat(), shuffle: fc.boolean() },
      { requiredKeys: ['use', 'path'] },
    ),
    attacks: fc.dictionary(name, attack, { maxKeys: 3, noNullPrototype: true }),
    defenses: fc.dictionary(
      name,
      fc.record({
        use: fc.constant('blocks'),
        qualities: fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1 }),
      }),
      {
        maxKeys: 3,
        noNullPrototype: true,
      },
    ),
    perform: fc.oneof(fc.constant(['train']), fc.subarray(['attack', 'defend', 'evaluate'], { minLength: 1 })),
  },
  { requiredKeys: ['model', 'dataset'] },
);

describe('the resolved spec', () => {
  it('loads again from its YAML to the same spec with the same hash, whatever it says', async () => {
    await fc.assert(
      fc.asyncProperty(spec, async (written) => {
        const escaped = { ...written, dataset: { ...written.dataset, path: escapeExpressions(written.dataset.path) } };
        const description =
          written.description === undefined ? {} : { description: escapeExpressions(written.description) };
        // Blocks of lines, as `yaml` writes them, lose blanks of texts such as ' \n'.
        const asWritten = { aliasDuplicateObjects: false, blockQuote: false };
        const first = await load(stringify({ ...escaped, ...description }, asWritten));
        expect(first.resolved.description).toBe(written.description);
        expect(first.resolved.dataset['path']).toBe(written.dataset.path);
        const second = await load(toYaml(first.resolved));
        expect(second.resolved).toEqual(first.resolved);
        expect(second.hash).toBe(first.hash);
      }),
      { numRuns: 150, examples: [[{ model: { use: 'net' }, dataset: { use: 'folder', path: ' \n' } }]] },
    );
  });

  it('has a hash that does not depend on how it is written, and does on what it says', async () => {
    const a = await load('name: x\nmodel: { use: net, width: 16 }\ndataset: { use: drawings }\n');
    const b = await load('dataset: { limit: 0, use: drawings }\nname: x\nmodel: { use: resnet_50_v2 }\n');
    const c = await load('dataset: { limit: 1, use: drawings }\nname: x\nmodel: { use: resnet_50_v2 }\n');
    expect(b.hash).toBe(a.hash);
    expect(c.hash).not.toBe(a.hash);
    expect(resolvedHash(a.resolved)).toBe(a.hash);
  });
});
