import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { specRegistry } from '../testing/spec-plugins.js';
import { specJsonSchema } from './json-schema.js';

const schema = JSON.parse(JSON.stringify(specJsonSchema(specRegistry()))) as object;
const validate = new Ajv({ strict: false, allErrors: true }).compile(schema);
const accepts = (yaml: string) => validate(parse(yaml));

describe("the editor's schema", () => {
  it.each([
    'name: x\nseed: 3\ndefaults: [model/a, { dataset: b }]\ndataset: { limit: 3 }\n',
    'model: { use: net, width: 4 }\nattacks: { a: { use: push, target: 3 }, b: { use: shove, confidence: "${seed}" } }\n',
    'attack: { use: sign, eps: "${env:EPS,4}" }\ndefense: { use: blocks, qualities: [20, "${seed}"] }\n',
    'attacks: { a: { use: sign, eps: [2, "${seed}", 8] } }\n',
    'model: { use: of_a_third_party, anything: 1 }\nplugins: [./x.ts]\n',
    'evaluate: { draws: "${seed}" }\nperform: attack\nthreat: { adaptive: { eot: 3 } }\ndataset: { use: drawings, preprocess: { crop: 0.9 } }\n',
  ])('accepts %j', (yaml) => {
    expect(accepts(yaml), JSON.stringify(validate.errors)).toBe(true);
  });

  it.each([
    'sead: 3\n',
    'seed: three\n',
    'model: { use: net, widht: 4 }\n',
    'attacks: { a: { use: push, confidence: high } }\n',
    'attacks: { 7up: { use: push } }\n',
    'attack: { use: shove, confidence: -1 }\n',
    'attack: { use: sign, eps: [] }\n',
    'attack: { use: sign, eps: [2, 2] }\n',
    'attack: { use: sign, eps: [2, wide] }\n',
    'defense: { use: blocks, qualities: [200] }\n',
    'dataset: { use: drawings, preprocess: { resize: bend } }\n',
    'evaluate: { tops: [1] }\n',
    'threat: white-box\n',
  ])('refuses %j', (yaml) => {
    expect(accepts(yaml)).toBe(false);
  });

  it('explains every key and every option', () => {
    const { properties, definitions } = schema as {
      properties: Record<string, { description?: string }>;
      definitions: Record<
        string,
        { allOf?: { then: { properties: Record<string, true | { description?: string }> } }[] }
      >;
    };
    for (const [key, each] of Object.entries(properties)) expect(each.description, key).toBeTruthy();
    const options = Object.values(definitions).flatMap(({ allOf = [] }) =>
      allOf.flatMap(({ then }) => Object.entries(then.properties)),
    );
    expect(options.length).toBeGreaterThan(30);
    for (const [key, each] of options)
      if (key !== 'use') expect((each as { description?: string }).description, key).toBeTruthy();
  });
});
