import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ShieldError } from '../errors/index.js';
import { ShieldErrors, formatLocation } from '../errors/index.js';
import { specRegistry } from '../testing/spec-plugins.js';
import { loadSpec } from './load-spec.js';

const folder = mkdtempSync(join(tmpdir(), 'shield-chains-'));
mkdirSync(join(folder, 'configs/defense'), { recursive: true });
afterAll(() => rmSync(folder, { recursive: true }));
const MINIMAL = 'model: { use: net, width: 8 }\ndataset: { use: drawings }\n';

async function load(text: string, overrides: string[] = []) {
  const file = join(folder, 'configs/spec.yaml');
  writeFileSync(file, MINIMAL + text);
  return (await loadSpec(file, { registry: specRegistry(), overrides })).resolved;
}

/** `CODE line:column key` of all that is wrong. */
async function faults(text: string, overrides: string[] = []): Promise<string[]> {
  const error: unknown = await load(text, overrides).catch((reason: unknown) => reason);
  const errors = error instanceof ShieldErrors ? error.errors : [error as ShieldError];
  return errors.map(({ code, where, params }) => {
    const place = where ? formatLocation(where).replace(/^.*spec\.yaml:/, '') : '';
    return `${code} ${place} ${params['key'] ?? params['name'] ?? ''}`;
  });
}

const BLOCKS = { use: 'blocks', qualities: [20, 40, 60, 80], sampling: '4:2:0', workers: 0 };

describe('a chain', () => {
  it('is a list; each of its defenses has every option written out', async () => {
    const { defenses } = await load('defenses: { both: [{ use: round }, { use: blocks, workers: 2 }] }\n');
    expect(defenses).toEqual({ both: [{ use: 'round' }, { ...BLOCKS, workers: 2 }] });
  });

  it('goes by the names of its defenses where it has none', async () => {
    const { defenses } = await load('defense: [{ use: round }, { use: blocks }]\n');
    expect(defenses).toEqual({ 'round-blocks': [{ use: 'round' }, BLOCKS] });
  });

  it('is given and changed on the command line', async () => {
    const replaced = await load('defense: { use: round }\n', ['defense=[{use: blocks}, {use: round}]']);
    expect(replaced.defenses).toEqual({ 'blocks-round': [BLOCKS, { use: 'round' }] });
    const changed = await load('defenses: { both: [{ use: round }, { use: blocks }] }\n', [
      'defenses.both.1.workers=3',
      'defenses.both[1].qualities=[5]',
    ]);
    expect(changed.defenses).toEqual({ both: [{ use: 'round' }, { ...BLOCKS, workers: 3, qualities: [5] }] });
  });

  it.each([
    ['defenses:\n  both: []\n', ['SPEC_INVALID_VALUE 4:9 defenses.both']],
    ['defenses:\n  both: [{ use: round }, {}]\n', ['SPEC_MISSING_KEY 4:26 defenses.both.1.use']],
    ['defenses:\n  both: [{ use: blocks, quality: 3 }]\n', ['SPEC_UNKNOWN_KEY 4:25 defenses.both.0.quality']],
    ['defenses:\n  both: [{ use: blocks, workers: -1 }]\n', ['SPEC_INVALID_VALUE 4:34 defenses.both.0.workers']],
    ['defenses:\n  both: [{ use: round }, { use: blcks }]\n', ['PLUGIN_UNKNOWN 4:33 blcks']],
    ['defenses:\n  both: [round]\n', ['SPEC_INVALID_VALUE 4:10 defenses.both.0']],
    ['defenses:\n  both: [{ use: ensemble }]\n', ['SPEC_INVALID_VALUE 4:17 defenses.both.0.use']],
    ['defenses:\n  both: 7\n', ['SPEC_INVALID_VALUE 4:9 defenses.both']],
  ])('%j is refused at its place', async (text, expected) => expect(await faults(text)).toEqual(expected));
});

describe('an ensemble', () => {
  const MEMBERS = `members:
      - { defense: { use: blocks }, model: { use: other_net } }
      - { name: plain }
      - { defense: [{ use: round }, { use: blocks }], model: { use: resnet_50_v2, width: 4 } }
`;
  const resolved = {
    use: 'ensemble',
    vote: 'majority',
    members: [
      { name: 'm1', defense: BLOCKS, model: { use: 'other_net', depth: 3 } },
      { name: 'plain', model: { use: 'net', width: 8 } },
      { name: 'm3', defense: [{ use: 'round' }, BLOCKS], model: { use: 'net', width: 4 } },
    ],
  };

  it('has its vote and the names of its members written out, and the model of the spec where a member has none', async () => {
    const { defenses } = await load(`defenses:\n  all:\n    use: ensemble\n    ${MEMBERS}`);
    expect(defenses).toEqual({ all: resolved });
  });

  it('stands at the top as well, and in a config of its own', async () => {
    expect((await load(`ensemble:\n    ${MEMBERS}`)).defenses).toEqual({ ensemble: resolved });
    writeFileSync(join(folder, 'configs/defense/all.yaml'), `use: ensemble\n${MEMBERS}`);
    const { defenses } = await load('defaults: [defense/all]\n', ['defenses.all.vote=mean']);
    expect(defenses).toEqual({ all: { ...resolved, vote: 'mean' } });
  });

  it('is changed down to the options of its members', async () => {
    const { defenses } = await load(`ensemble:\n    ${MEMBERS}`, [
      'defenses.ensemble.members.0.defense.qualities=[7]',
      'defenses.ensemble.members.2.defense.1.workers=1',
      'defenses.ensemble.members.2.model.width=5',
    ]);
    expect(defenses['ensemble']).toMatchObject({
      members: [
        { defense: { qualities: [7] } },
        { name: 'plain' },
        { defense: [{}, { workers: 1 }], model: { width: 5 } },
      ],
    });
  });

  it.each([
    ['ensemble: {}\n', ['SPEC_MISSING_KEY 3:1 defenses.ensemble.members']],
    ['ensemble: 3\n', ['SPEC_INVALID_VALUE 3:11 ensemble']],
    ['ensemble: { members: [] }\n', ['SPEC_INVALID_VALUE 3:22 defenses.ensemble.members']],
    ['ensemble: { vote: loudest, members: [{}] }\n', ['SPEC_INVALID_VALUE 3:19 defenses.ensemble.vote']],
    ['ensemble: { votes: mean, members: [{}] }\n', ['SPEC_UNKNOWN_KEY 3:13 defenses.ensemble.votes']],
    ['ensemble: { members: [{ modl: { use: net } }] }\n', ['SPEC_UNKNOWN_KEY 3:25 defenses.ensemble.members.0.modl']],
    ['ensemble: { members: [{ model: { use: nt } }] }\n', ['PLUGIN_UNKNOWN 3:39 nt']],
    [
      'ensemble: { members: [{ model: { use: net, width: 0 } }] }\n',
      ['SPEC_INVALID_VALUE 3:51 defenses.ensemble.members.0.model.width'],
    ],
    [
      'ensemble: { members: [{ defense: { use: ensemble } }] }\n',
      ['SPEC_INVALID_VALUE 3:41 defenses.ensemble.members.0.defense.use'],
    ],
    [
      'ensemble: { members: [{ name: a }, { name: a }] }\n',
      ['SPEC_INVALID_VALUE 3:44 defenses.ensemble.members.1.name'],
    ],
    ['ensemble: { members: [{}] }\ndefenses: { ensemble: { use: round } }\n', ['SPEC_INVALID_VALUE 3:1 ensemble']],
    ['ensemble: { members: [{ model: { use: run:nowhere } }] }\n', ['RUN_NOT_FOUND 3:39 ']],
    ['ensemble: { members: [{}] }\nperform: [train]\n', ['SPEC_INVALID_VALUE 3:1 defenses.ensemble']],
  ])('%j is refused at its place', async (text, expected) => {
    const found = await faults(text);
    expect(found.map((line) => line.replace(/(?<=RUN_NOT_FOUND \S+ ).*/, ''))).toEqual(expected);
  });

  it('is no name for a plugin', () => {
    const registry = specRegistry();
    const plugin = { ...registry.get('defense', 'round'), name: 'ensemble' };
    expect(() => registry.register(plugin, 'mine')).toThrow(expect.objectContaining({ code: 'PLUGIN_INVALID' }));
  });
});
