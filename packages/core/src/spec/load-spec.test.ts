import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ShieldError, ShieldErrors, formatLocation } from '../errors/index.js';
import { specRegistry } from '../testing/spec-plugins.js';
import { loadSpec, type LoadSpecOptions, type LoadedSpec } from './load-spec.js';

const root = mkdtempSync(join(tmpdir(), 'shield-spec-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;

/** Writes files into a folder of their own and loads the first. */
async function load(
  files: Record<string, string> | string,
  overrides: string[] = [],
  options: Partial<LoadSpecOptions> = {},
): Promise<LoadedSpec> {
  const folder = join(root, String(count++));
  const all = typeof files === 'string' ? { 'configs/spec.yaml': files } : files;
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return loadSpec(join(folder, Object.keys(all)[0]!), { registry: specRegistry(), overrides, ...options });
}

async function faults(loading: Promise<unknown>): Promise<ShieldError[]> {
  try {
    await loading;
  } catch (error) {
    if (error instanceof ShieldErrors) return [...error.errors];
    if (error instanceof ShieldError) return [error];
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** `CODE file:line:column message`, the file without its folder. */
function shown(error: ShieldError): string {
  const where = error.where ? formatLocation(error.where).replace(/^.*[/\\](?=[^/\\]*$)/, '') : '';
  return `${error.code} ${where} ${error.message}`;
}

const MINIMAL = 'model: { use: net }\ndataset: { use: drawings }\n';

describe('a spec', () => {
  it('is completed with every default', async () => {
    const { resolved } = await load(`${MINIMAL}attacks: { a: { use: push } }\ndefenses: { d: { use: blocks } }\n`);
    expect(resolved).toEqual({
      name: 'spec',
      seed: 0,
      plugins: [],
      backend: 'auto',
      batch: 16,
      dataset: {
        use: 'drawings',
        skip: 0,
        limit: 0,
        shuffle: false,
        only_classes: [],
        only_ids: [],
        on_corrupt: 'fail',
        preprocess: { resize: 'stretch', interpolation: 'bicubic', crop: 1, idct: 'islow' },
      },
      model: { use: 'net', width: 16 },
      attacks: {
        a: {
          use: 'push',
          confidence: 0,
          learning_rate: 0.01,
          max_iterations: 100,
          abort_early: true,
          labels: true,
          attack_misclassified: false,
          grid: 'float',
          target: 'none',
        },
      },
      defenses: { d: { use: 'blocks', qualities: [20, 40, 60, 80], sampling: '4:2:0', workers: 0 } },
      threat: 'gray-box',
      handover: 'round',
      evaluate: { top: [1, 5], draws: 5 },
      perform: ['attack', 'defend', 'evaluate'],
      execution: { use: 'inline', shards: 1, threads: 0, time_limit: 0, strip: 6 },
    });
    expect(Object.keys(resolved.attacks['a']!)[0]).toBe('use');
    expect(Object.isFrozen(resolved.dataset['preprocess'])).toBe(true);
  });

  it('may be given as text, and says where each value stands', async () => {
    const loaded = await loadSpec('model: { use: net, width: 4 }\ndataset:\n  use: drawings\n', {
      registry: specRegistry(),
    });
    expect(loaded.resolved.name).toBe('unnamed');
    expect(loaded.locate('model.width')).toEqual({ file: 'spec', line: 1, column: 27 });
    expect(loaded.locate('dataset.use')).toEqual({ file: 'spec', line: 3, column: 8 });
    expect(loaded.locate('dataset.limit')).toEqual({ file: 'spec', line: 3, column: 3 });
    expect(loaded.sources).toMatchObject([{ file: 'spec', text: expect.stringContaining('width: 4') as string }]);
    expect(loaded.sources[0]!.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('takes aliases of plugins by their own name', async () => {
    const { resolved } = await load(
      'model: { use: resnet_50_v2 }\ndataset: { use: drawings }\nattack: { use: shove, confidence: 2 }\n',
    );
    expect(resolved.model.use).toBe('net');
    expect(resolved.attacks).toMatchObject({ push: { use: 'push', confidence: 2 } });
  });

  it('gets the training section when it trains', async () => {
    const { resolved } = await load(`${MINIMAL}perform: [train]\ntrain: { epochs: 3 }\n`);
    expect(resolved.train).toMatchObject({ optimizer: 'adam', epochs: 3, validation: 0 });
    expect((await load(`${MINIMAL}perform: train\n`)).resolved.train?.epochs).toBe(10);
    expect((await load(MINIMAL)).resolved.train).toBeUndefined();
  });
});

describe('composition', () => {
  const groups = {
    'configs/model/a.yaml': 'use: net\nwidth: 8\n',
    'configs/model/b.yaml': 'defaults: [a]\nwidth: 32\n',
    'configs/dataset/photos.yaml': 'use: folder\npath: photos\nlimit: 7\npreprocess: { crop: 0.9 }\n',
    'configs/attack/strong.yaml': 'defaults: [attack/weak]\nconfidence: 40\n',
    'configs/attack/weak.yaml': 'use: push\nconfidence: 1\nmax_iterations: 10\n',
    'configs/defense/blocks.yaml': 'use: blocks\n',
    'configs/base.yaml': 'seed: 5\ndefaults: [model/a]\nevaluate: { draws: 9 }\n',
  };

  it('puts groups under their keys; later ones win, and the spec over all of them', async () => {
    const spec =
      'defaults: [model/a, dataset/photos, attack/strong, defense/blocks]\ndataset: { limit: 3, preprocess: { resize: fit } }\n';
    const { resolved, sources } = await load({ 'configs/deep/er/spec.yaml': spec, ...groups });
    expect(resolved.model).toEqual({ use: 'net', width: 8 });
    expect(resolved.dataset).toMatchObject({
      use: 'folder',
      path: 'photos',
      limit: 3,
      preprocess: { resize: 'fit', crop: 0.9 },
    });
    expect(Object.keys(resolved.attacks)).toEqual(['strong']);
    expect(resolved.attacks['strong']).toMatchObject({ use: 'push', confidence: 40, max_iterations: 10 });
    expect(Object.keys(resolved.defenses)).toEqual(['blocks']);
    expect(sources.map(({ file }) => file.replace(/^.*configs./, '').replaceAll('\\', '/'))).toEqual([
      'deep/er/spec.yaml',
      'model/a.yaml',
      'dataset/photos.yaml',
      'attack/strong.yaml',
      'attack/weak.yaml',
      'defense/blocks.yaml',
    ]);
  });

  it('lets a config build on another of its group, and a spec on a whole spec', async () => {
    const { resolved } = await load({
      'configs/spec.yaml': 'defaults: [base, { model: b }]\ndataset: { use: drawings }\n',
      ...groups,
    });
    expect(resolved).toMatchObject({ seed: 5, model: { use: 'net', width: 32 }, evaluate: { top: [1, 5], draws: 9 } });
  });

  it('drops the options of a former plugin where another is used, and keeps those that every one has', async () => {
    const spec = 'defaults: [dataset/photos, model/a]\nmodel: { use: other_net }\ndataset: { use: drawings }\n';
    const { resolved } = await load({ 'configs/spec.yaml': spec, ...groups });
    expect(resolved.model).toEqual({ use: 'other_net', depth: 3 });
    expect(resolved.dataset).toMatchObject({ use: 'drawings', limit: 7, preprocess: { crop: 0.9 } });
    expect(resolved.dataset).not.toHaveProperty('path');
  });

  it('knows a plugin by all its names', async () => {
    const files = {
      'configs/spec.yaml': `defaults: [attack/x]\n${MINIMAL}attacks: { x: { use: push } }\n`,
      'configs/attack/x.yaml': 'use: shove\nconfidence: 5\n',
    };
    expect((await load(files)).resolved.attacks['x']).toMatchObject({ use: 'push', confidence: 5 });
  });

  it('names what is missing, and circles', async () => {
    const [missing] = await faults(load({ 'configs/spec.yaml': 'defaults:\n  - model/aa\n', ...groups }));
    expect(shown(missing!)).toBe(
      'SPEC_DEFAULTS_NOT_FOUND spec.yaml:2:5 no config "model/aa" to compose; did you mean "a"?',
    );
    expect(missing!.fix).toBe('known in that group: a, b');
    const circle = {
      'configs/spec.yaml': 'defaults: [model/x]\n',
      'configs/model/x.yaml': 'defaults: [y]\n',
      'configs/model/y.yaml': 'defaults: [x]\n',
    };
    const [fault] = await faults(load(circle));
    expect(shown(fault!)).toMatch(/^SPEC_DEFAULTS_CYCLE y\.yaml:1:12 .*x\.yaml → .*y\.yaml → .*x\.yaml$/);
    expect((await faults(load('defaults: model/a\n')))[0]!.message).toBe('defaults must be a list');
    expect((await faults(load('defaults: [../../etc/passwd]\n')))[0]!.message).toBe(
      'defaults must hold names of configs, group/name',
    );
  });

  it('looks in given folders after those around the spec', async () => {
    const folder = join(root, 'given');
    mkdirSync(join(folder, 'model'), { recursive: true });
    writeFileSync(join(folder, 'model', 'c.yaml'), 'use: net\nwidth: 64\n');
    const { resolved } = await load('defaults: [model/c]\ndataset: { use: drawings }\n', [], { configDirs: [folder] });
    expect(resolved.model).toEqual({ use: 'net', width: 64 });
  });

  it('takes attack: and defense: for one, by the name of its plugin', async () => {
    const { resolved } = await load(`${MINIMAL}attack: { use: sign, eps: 4 }\ndefense: { use: round }\n`);
    expect(resolved.attacks).toMatchObject({ sign: { use: 'sign', eps: 4 } });
    expect(resolved.defenses).toEqual({ round: { use: 'round' } });
    const [both] = await faults(load(`${MINIMAL}attack: { use: sign }\nattacks: { sign: { use: sign } }\n`));
    expect(shown(both!)).toBe('SPEC_INVALID_VALUE spec.yaml:3:1 attack and attacks.sign both stand in this file');
    const joined = await load({
      'configs/spec.yaml': `defaults: [attack/weak]\n${MINIMAL}attack: { confidence: 3 }\n`,
      ...groups,
    });
    expect(joined.resolved.attacks).toMatchObject({ weak: { use: 'push', confidence: 3, max_iterations: 10 } });
    expect((await faults(load(`${MINIMAL}attack: { eps: 3 }\n`)))[0]!.message).toBe(
      'attack has no "use", and no attack is composed',
    );
  });
});

describe('overrides', () => {
  const SPEC = `${MINIMAL}attacks:\n  cw_l2: { use: push }\ndefenses:\n  slq: { use: blocks }\n  round: { use: round }\n`;
  const configs = {
    'configs/model/a.yaml': 'use: net\nwidth: 8\n',
    'configs/model/b.yaml': 'use: other_net\ndepth: 9\n',
    'configs/dataset/photos.yaml': 'use: folder\npath: photos\n',
    'configs/attack/mild.yaml': 'use: sign\neps: 2\n',
  };

  it('change what is written and what only the schema knows', async () => {
    const overrides = [
      'batch=4',
      'dataset.limit=2',
      'attack.confidence=1',
      'evaluate.top=[1]',
      'perform=[attack]',
      'dataset.preprocess.crop=0.5',
    ];
    const { resolved, locate } = await load(SPEC, overrides);
    expect(resolved).toMatchObject({
      batch: 4,
      dataset: { limit: 2, preprocess: { crop: 0.5 } },
      attacks: { cw_l2: { confidence: 1 } },
      evaluate: { top: [1], draws: 5 },
      perform: ['attack'],
    });
    expect(locate('attacks.cw_l2.confidence')).toEqual({ file: 'command line' });
    expect((await load(SPEC, ['attacks.cw_l2.confidence=2'])).resolved.attacks['cw_l2']!['confidence']).toBe(2);
    expect((await load(SPEC, ['attack.cw_l2.confidence=3'])).resolved.attacks['cw_l2']!['confidence']).toBe(3);
  });

  it('reach into lists, those of defaults too', async () => {
    const { resolved } = await load(SPEC, [
      'defenses.slq.qualities.1=50',
      'defenses.slq.qualities[0]=10',
      '+evaluate.top.2=3',
    ]);
    expect(resolved.defenses['slq']).toHaveProperty('qualities', [10, 50, 60, 80]);
    expect(resolved.evaluate.top).toEqual([1, 5, 3]);
  });

  it('choose configs and plugins, as in Hydra', async () => {
    const spec = {
      'configs/spec.yaml': 'defaults: [model/a, dataset/photos]\nmodel: { width: 99 }\ndataset: { limit: 4 }\n',
      ...configs,
    };
    expect((await load(spec)).resolved.model).toEqual({ use: 'net', width: 99 });
    const chosen = (await load(spec, ['model=b', 'dataset=drawings'])).resolved;
    expect(chosen.model).toEqual({ use: 'other_net', depth: 9 });
    expect(chosen.dataset).toMatchObject({ use: 'drawings', limit: 4 });
    expect(chosen.dataset).not.toHaveProperty('path');
    expect((await load(SPEC, ['model=other_net', 'model.depth=2'])).resolved.model).toEqual({
      use: 'other_net',
      depth: 2,
    });
    expect((await load(SPEC, ['model.use=other_net'])).resolved.model).toEqual({ use: 'other_net', depth: 3 });
    expect((await load(SPEC, ['model={use: net, width: 3}'])).resolved.model).toEqual({ use: 'net', width: 3 });
  });

  it('choose attacks and defenses: of the spec, of a config, or plugins', async () => {
    const spec = { 'configs/spec.yaml': SPEC, ...configs };
    expect((await load(spec, ['attack=mild'])).resolved.attacks).toMatchObject({ mild: { use: 'sign', eps: 2 } });
    expect(Object.keys((await load(spec, ['attack=mild'])).resolved.attacks)).toEqual(['mild']);
    expect(Object.keys((await load(spec, ['attack=[cw_l2,sign]', 'defense=slq'])).resolved.attacks)).toEqual([
      'cw_l2',
      'sign',
    ]);
    expect(Object.keys((await load(spec, ['defense=slq'])).resolved.defenses)).toEqual(['slq']);
    expect(Object.keys((await load(spec, ['+attack=mild', '+attacks.x={use: push}'])).resolved.attacks)).toEqual([
      'cw_l2',
      'mild',
      'x',
    ]);
    expect((await load(spec, ['attack={use: sign, eps: 3}'])).resolved.attacks).toMatchObject({ sign: { eps: 3 } });
    expect(Object.keys((await load(spec, ['~defenses.round', '~attacks'])).resolved.defenses)).toEqual(['slq']);
  });

  it('may be given as the original has them', async () => {
    const overrides = [
      'model=resnet_50_v2',
      'attack=sign',
      "attack_options={'eps': 16, }",
      'defense=blocks',
      "defense_options={'qualities': (20, 40), 'sampling': '4:4:4'}",
      'perform=attack',
    ];
    const { resolved } = await load(SPEC, overrides);
    expect(resolved).toMatchObject({
      model: { use: 'net' },
      attacks: { sign: { use: 'sign', eps: 16 } },
      defenses: { blocks: { qualities: [20, 40], sampling: '4:4:4' } },
      perform: ['attack'],
    });
  });

  it.each([
    [
      'batches=4',
      'OVERRIDE_UNKNOWN_KEY command line the override "batches=4" names a key that does not exist; did you mean "batch"?',
    ],
    [
      'attack.confidance=4',
      'OVERRIDE_UNKNOWN_KEY command line the override "attack.confidance=4" names a key that does not exist; did you mean "confidence"?',
    ],
    [
      'attacks.new.use=sign',
      'OVERRIDE_UNKNOWN_KEY command line the override "attacks.new.use=sign" names a key that does not exist',
    ],
    [
      '~seed',
      'OVERRIDE_UNKNOWN_KEY command line the override "~seed" names a key that does not exist; did you mean "seed"?',
    ],
    [
      'defense.patch=1',
      'OVERRIDE_SYNTAX command line cannot read the override "defense.patch=1": the spec has the defenses slq, round; write defenses.NAME.…',
    ],
    ['batch', 'OVERRIDE_SYNTAX command line cannot read the override "batch": it has no value'],
    ['=4', 'OVERRIDE_SYNTAX command line cannot read the override "=4": it has no key'],
    ['a b=4', 'OVERRIDE_SYNTAX command line cannot read the override "a b=4": "a b" is no key'],
    [
      '~batch=4',
      'OVERRIDE_SYNTAX command line cannot read the override "~batch=4": ~ removes a key and takes no value',
    ],
    [
      '+model.use=net',
      'OVERRIDE_SYNTAX command line cannot read the override "+model.use=net": model.use stands in the spec already; leave the + out to change it',
    ],
    [
      '+attack=cw_l2',
      'OVERRIDE_SYNTAX command line cannot read the override "+attack=cw_l2": attacks.cw_l2 stands in the spec already',
    ],
    ['model.use.x=1', 'OVERRIDE_UNKNOWN_KEY command line the override "model.use.x=1" names a key that does not exist'],
    [
      '++model.use.x=1',
      'OVERRIDE_SYNTAX command line cannot read the override "++model.use.x=1": model.use.x leads through a value that is no mapping',
    ],
    [
      'attack_options=16',
      'OVERRIDE_SYNTAX command line cannot read the override "attack_options=16": its value must be a mapping such as {\'eps\': 16}',
    ],
    [
      'attack.confidence=high',
      'SPEC_INVALID_VALUE command line attacks.cw_l2.confidence must be a number ≥ 0 (it is "high")',
    ],
    ['model=nett', 'PLUGIN_UNKNOWN command line no model is named "nett"; did you mean "net"?'],
    ['+attack.nonsense=1', 'SPEC_UNKNOWN_KEY command line unknown key "attacks.cw_l2.nonsense"'],
  ])('%s is refused', async (override, message) => {
    expect((await faults(load(SPEC, [override]))).map(shown)).toEqual([message]);
  });

  it('that cannot be read are named together', async () => {
    expect(await faults(load(SPEC, ['=1', 'batch', 'evaluate={top: [}']))).toHaveLength(3);
  });
});

describe('what is wrong', () => {
  it('is told all at once, each with its place and how to mend it', async () => {
    const spec = `sead: 4
model: { use: net, widht: 4 }
dataset: { use: folder }
batch: 2.5
attacks:
  cw_l2:
    use: push
    confidence: high
    learning_rate: 0
    abort_early: yes
    target: nobody
    labels: [1]
  7up: { use: push }
defenses:
  slq: { use: blocks, qualities: [20, 400], sampling: "4:1:1" }
  nine: { use: nothing }
  ten: {}
evaluate: { top: [] }
handover: floor
sweep: { seed: [1, 2] }
`;
    const found = await faults(load(spec));
    expect(found.map(shown)).toEqual([
      'SPEC_UNKNOWN_KEY spec.yaml:1:1 unknown key "sead"; did you mean "seed"?',
      'SPEC_UNKNOWN_KEY spec.yaml:2:20 unknown key "model.widht"; did you mean "width"?',
      'SPEC_MISSING_KEY spec.yaml:3:1 "dataset.path" is missing',
      'SPEC_INVALID_VALUE spec.yaml:4:8 batch must be a whole number from 1 to 4096 (it is 2.5)',
      'SPEC_INVALID_VALUE spec.yaml:8:17 attacks.cw_l2.confidence must be a number ≥ 0 (it is "high")',
      'SPEC_INVALID_VALUE spec.yaml:9:20 attacks.cw_l2.learning_rate must be a number > 0 (it is 0)',
      'SPEC_INVALID_VALUE spec.yaml:10:18 attacks.cw_l2.abort_early must be true or false (it is "yes", which is text in YAML 1.2)',
      'SPEC_INVALID_VALUE spec.yaml:11:13 attacks.cw_l2.target must be none or random or least_likely or a whole number ≥ 0 or a mapping { csv: …, id: …, class: …, … } (it is "nobody")',
      'SPEC_INVALID_VALUE spec.yaml:12:13 attacks.cw_l2.labels must be one of true, predicted (it is the list [1])',
      'SPEC_INVALID_VALUE spec.yaml:13:3 attacks.7up is no usable name',
      'SPEC_INVALID_VALUE spec.yaml:15:39 defenses.slq.qualities.1 must be a whole number from 1 to 100 (it is 400)',
      'SPEC_INVALID_VALUE spec.yaml:15:55 defenses.slq.sampling must be one of 4:2:0, 4:4:4 (it is "4:1:1")',
      'PLUGIN_UNKNOWN spec.yaml:16:16 no defense is named "nothing"',
      'SPEC_MISSING_KEY spec.yaml:17:3 "defenses.ten.use" is missing',
      'SPEC_INVALID_VALUE spec.yaml:18:18 evaluate.top must be a list of at least 1 without repeats (each a whole number ≥ 1) (it is an empty list)',
      'SPEC_INVALID_VALUE spec.yaml:19:11 handover must be one of round, truncate (it is "floor")',
    ]);
    expect(found[4]!.fix).toBe('margin of logits (κ)');
    expect(found.every(({ exitCode }) => exitCode === 2)).toBe(true);
  });

  it('fractions of 255 are told in levels, and no other is divided', async () => {
    const spec = `model: { use: net }\ndataset: { use: drawings }\nattacks:\n  a: { use: sign, eps: 8/255 }\n  b: { use: push, confidence: 1/2 }\n`;
    const [levels, other] = await faults(load(spec));
    expect(levels!.message).toContain('(it is "8/255": write 8, which is 8/255 of the range)');
    expect(other!.message).toContain('(it is "1/2", which is text: YAML does not divide)');
  });

  it.each([
    ['', 'SPEC_MISSING_KEY'],
    ['model: { use: net }\n', 'SPEC_MISSING_KEY'],
    [`${MINIMAL}threat: { adaptive: { eot: 0 } }\n`, 'SPEC_INVALID_VALUE'],
    [`${MINIMAL}threat: white-box\n`, 'SPEC_INVALID_VALUE'],
    [`${MINIMAL}ensemble: {}\n`, 'SPEC_MISSING_KEY'],
    [`${MINIMAL}tracking: { mlflow: { uri: 'http://me:secret@host' } }\n`, 'SPEC_INVALID_VALUE'],
    [`${MINIMAL}tracking: { mlflow: { url: 'http://host' } }\n`, 'SPEC_UNKNOWN_KEY'],
    [`${MINIMAL}tracking: { trackers: { hook: { use: none_such } } }\n`, 'PLUGIN_UNKNOWN'],
    [`${MINIMAL}execution: { time_limit: -1 }\n`, 'SPEC_INVALID_VALUE'],
    [`${MINIMAL}perform: [train, attack]\n`, 'SPEC_INVALID_VALUE'],
    [`${MINIMAL}seed: -1\n`, 'SPEC_INVALID_VALUE'],
    [`${MINIMAL}seed: 90071992547409933\n`, 'SPEC_INVALID_VALUE'],
    [`${MINIMAL}seed: .nan\n`, 'SPEC_INVALID_VALUE'],
    [`${MINIMAL}seed: 1e999\n`, 'SPEC_INVALID_VALUE'],
    [`${MINIMAL}name: ../../x\n`, 'SPEC_INVALID_VALUE'],
    [`${MINIMAL}attacks: [sign]\n`, 'SPEC_INVALID_VALUE'],
    [`${MINIMAL}attacks: { a: sign }\n`, 'SPEC_INVALID_VALUE'],
    [`${MINIMAL}__proto__: { batch: 4 }\n`, 'SPEC_UNKNOWN_KEY'],
    [`${MINIMAL}attacks: { constructor: { use: toString } }\n`, 'PLUGIN_UNKNOWN'],
    [`${MINIMAL}attacks:\n`, 'SPEC_INVALID_VALUE'],
    [`${MINIMAL}attack:\n`, 'SPEC_INVALID_VALUE'],
    [`${MINIMAL}attack: sign\n`, 'SPEC_INVALID_VALUE'],
    [`${MINIMAL}plugins: [1]\n`, 'SPEC_INVALID_VALUE'],
    [`${MINIMAL}plugins: ./x.ts\n`, 'SPEC_INVALID_VALUE'],
    [`${MINIMAL}threat: { black-box: { model: { use: nett } } }\n`, 'PLUGIN_UNKNOWN'],
    [`${MINIMAL}evaluate: 3\n`, 'SPEC_INVALID_VALUE'],
    ['model: ${dataset}\ndataset: { use: drawings }\n', 'PLUGIN_UNKNOWN'],
    ['model: small_cnn\ndataset: { use: drawings }\n', 'SPEC_INVALID_VALUE'],
    ['model: { use: run:abc }\ndataset: { use: drawings }\n', 'RUN_NOT_FOUND'],
    ['model: { use: net, weights: run:abc }\ndataset: { use: drawings }\n', 'RUN_NOT_FOUND'],
    ['model: { use: ./nothing.safetensors }\ndataset: { use: drawings }\n', 'WEIGHTS_INVALID'],
  ])('%j gives %s', async (spec, code) => {
    const found = await faults(load(spec));
    expect([...new Set(found.map((error) => error.code))]).toEqual([code]);
    expect(found.every(({ where }) => where?.line !== undefined)).toBe(true);
  });

  it('has a near name for a spec that is not there', async () => {
    const folder = join(root, 'near');
    mkdirSync(folder);
    writeFileSync(join(folder, 'smoke.yaml'), MINIMAL);
    const [missing] = await faults(loadSpec(join(folder, 'smok.yaml'), { registry: specRegistry() }));
    expect(missing!.code).toBe('SPEC_NOT_FOUND');
    expect(missing!.fix).toContain(`did you mean "${join(folder, 'smoke.yaml')}"?`);
    expect((await faults(loadSpec(folder, { registry: specRegistry() })))[0]!.code).toBe('SPEC_UNREADABLE');
    writeFileSync(join(folder, 'image.yaml'), Buffer.from([0x89, 0x50, 0xff, 0xfe, 0x0a]));
    expect((await faults(loadSpec(join(folder, 'image.yaml'), { registry: specRegistry() })))[0]!.message).toContain(
      'not UTF-8',
    );
  });
});

describe('interpolation in a spec', () => {
  it('reads other keys, defaults, the one attack and the environment', async () => {
    const spec = `${MINIMAL}seed: 3
name: run-\${seed}-b\${batch}
attack: { use: push, confidence: "\${env:KAPPA,2}", max_iterations: "\${evaluate.draws}" }
description: κ \${attack.confidence} at \${attacks.push.learning_rate}
`;
    const { resolved } = await load(spec, ['batch=8'], { env: {} });
    expect(resolved).toMatchObject({
      name: 'run-3-b8',
      description: 'κ 2 at 0.01',
      attacks: { push: { confidence: 2, max_iterations: 5 } },
    });
    expect((await load(spec, [], { env: { KAPPA: '7.5' } })).resolved.attacks['push']!['confidence']).toBe(7.5);
  });

  it('is refused where it names nothing', async () => {
    const found = await faults(
      load(`${MINIMAL}seed: \${sed}\nname: \${env:NOT_SET}\ndescription: \${nme}\n`, [], { env: {} }),
    );
    expect(found.map(shown)).toEqual([
      'SPEC_INTERPOLATION spec.yaml:3:7 cannot resolve ${sed}: there is no "sed"; did you mean "seed"?',
      'SPEC_INTERPOLATION spec.yaml:4:7 cannot resolve ${env:NOT_SET}: the environment variable NOT_SET is not set, and no default is given',
      'SPEC_INTERPOLATION spec.yaml:5:14 cannot resolve ${nme}: there is no "nme"; did you mean "name"?',
    ]);
  });
});
