import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { shield } from './resident.js';
import { expectError, SMOKE, temporaryFolder } from './shield.js';

const runs = temporaryFolder();
const folder = temporaryFolder();
let written = 0;

function file(content: string | Buffer): string {
  const path = join(folder, `spec-${written++}.yaml`);
  writeFileSync(path, content);
  return path;
}

const base = (extra: string) =>
  `name: bad\nbackend: wasm\ndataset: { use: drawn, limit: 8 }\nmodel: { use: small_cnn }\n${extra}`;

describe('a spec that is wrong: exit code 2, its place, how to mend it, and no run', () => {
  test.each([
    ['unknown key', base('colour: red\n'), 'SPEC_UNKNOWN_KEY', ':5:1'],
    ['key with a slip', base('atack: { use: fgsm }\n'), 'SPEC_UNKNOWN_KEY', 'did you mean "attack"'],
    ['wrong type', base('batch: many\n'), 'SPEC_INVALID_VALUE', ':5:8'],
    ['number out of range', base('attack: { use: fgsm, eps: -3 }\n'), 'SPEC_INVALID_VALUE', ':5:27'],
    ['not a number', base('attack: { use: fgsm, eps: .nan }\n'), 'SPEC_', ':5:27'],
    ['unknown plugin', base('attack: { use: fgsn }\n'), 'PLUGIN_UNKNOWN', 'did you mean "fgsm"'],
    ['plugin of another kind', base('attack: { use: jpeg }\n'), 'PLUGIN_UNKNOWN', ':5:16'],
    ['unknown option', base('attack: { use: fgsm, epz: 3 }\n'), 'SPEC_UNKNOWN_KEY', 'did you mean "eps"'],
    [
      'weights that do not add up',
      base('defense: { use: slq, weights: [0.5, 0.6, 0, 0] }\n'),
      'SPEC_INVALID_VALUE',
      ':5:31',
    ],
    ['plugin file that is not there', base('plugins: [./none.ts]\n'), 'PLUGIN_LOAD_FAILED', ':5:11'],
    ['stage that is none', base('perform: [atack]\n'), 'SPEC_INVALID_VALUE', ':5:11'],
    ['YAML that is none', 'name: [unclosed\n', 'SPEC_SYNTAX', ':2:1'],
    ['a key given twice', 'seed: 1\nseed: 2\n', 'SPEC_SYNTAX', ':2:1'],
    ['a number for a spec', '42\n', 'SPEC_SYNTAX', 'mapping'],
    ['nothing at all', '', 'SPEC_MISSING_KEY', '"dataset"'],
    ['a reference to nothing', base('seed: ${nowhere}\n'), 'SPEC_INTERPOLATION', ':5:7'],
    ['a binary file', Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xc3, 0x28]), 'SPEC_SYNTAX', 'not UTF-8'],
  ])('%s', async (_, text, errorCode, says) => {
    const path = file(text);
    const outcome = await shield(['run', path], { runs });
    expectError(outcome, 2, errorCode);
    expect(outcome.stderr).toContain(says);
    expect(outcome.stderr).toContain(path);
    expect(outcome.stdout).toBe('');
    expect(readdirSync(runs)).toEqual([]);
  });

  test('a patch larger than the image: before anything is computed, at its place in a chain of an ensemble', async () => {
    const own = temporaryFolder();
    const members = `ensemble: { members: [{ defense: [{ use: median_filter }, { use: slq, patch: 64 }] }] }\n`;
    const outcome = await shield(['run', file(base(`attack: { use: fgsm }\n${members}`))], { runs: own });
    expectError(outcome, 2, 'SPEC_INVALID_VALUE');
    expect(outcome.stderr).toContain('defenses.ensemble.members.0.defense.1.patch is 64, and the image 32×32');
    expect(outcome.stderr).toContain(':6:78');
    expect(readdirSync(own)).not.toContain('artifacts');
  });

  test('every fault is told at once', async () => {
    const path = file(base('colour: red\nbatch: many\nattack: { use: fgsm, epz: 3 }\n'));
    const { code, stdout } = await shield(['validate', path, '--json'], { runs });
    expect(code).toBe(2);
    const { errors } = JSON.parse(stdout) as { errors: { code: string; fix: string; where: { line: number } }[] };
    expect(errors.map((error) => error.where.line).sort()).toEqual([5, 6, 7]);
    for (const { fix } of errors) expect(fix).not.toBe('');
  });

  test('a folder, a missing file, one that may not be read', async () => {
    const path = join(folder, 'folder.yaml');
    mkdirSync(path);
    expectError(await shield(['run', path], { runs }), 2, 'SPEC_UNREADABLE');
    const missing = await shield(['run', join(folder, 'foldr.yaml')], { runs });
    expectError(missing, 2, 'SPEC_NOT_FOUND');
    expect(missing.stderr).toContain('folder.yaml');
    if (process.getuid?.() === 0) return; // root reads everything
    const closed = file(base(''));
    chmodSync(closed, 0);
    expectError(await shield(['run', closed], { runs }), 2, 'SPEC_UNREADABLE');
  });
});

describe('a command line that is wrong', () => {
  test.each([
    [['sede=1'], 'OVERRIDE_UNKNOWN_KEY', 'did you mean "seed"'],
    [['attacks.cw_l2.lerning_rate=1'], 'OVERRIDE_UNKNOWN_KEY', 'learning_rate'],
    [['~nothing'], 'OVERRIDE_UNKNOWN_KEY', '~nothing'],
    [['=3'], 'OVERRIDE_SYNTAX', 'no key'],
    [['attacks.fgsm.eps=.nan'], 'OVERRIDE_SYNTAX', 'finite'],
    [['attacks.fgsm.eps=[1'], 'OVERRIDE_SYNTAX', 'YAML'],
    [['batch=0'], 'SPEC_INVALID_VALUE', 'batch'],
    [['--perform', 'nonsense'], 'SPEC_INVALID_VALUE', 'attack, defend, evaluate'],
    [['--backend', 'abacus'], 'CLI_USAGE', 'wasm'],
    [['--no-such-flag'], 'CLI_USAGE', '--no-such-flag'],
  ])('shield run SPEC %j', async (args, errorCode, says) => {
    const outcome = await shield(['run', SMOKE, ...args], { runs });
    expectError(outcome, 2, errorCode);
    expect(outcome.stderr).toContain(says);
    expect(readdirSync(runs)).toEqual([]);
  });

  test.each([
    [['rum'], 'run'],
    [['run'], 'spec'],
    [['validate'], 'spec'],
    [['resume'], 'run'],
  ])('shield %j', async (args, says) => {
    const outcome = await shield(args, { runs });
    expectError(outcome, 2, 'CLI_USAGE');
    expect(outcome.stderr).toContain(says);
  });

  test('shield alone prints its help and is no success', async () => {
    const { code, stderr } = await shield([], { runs });
    expect(code).toBe(2);
    expect(stderr).toContain('Usage: shield');
  });

  test('a plugin that nobody knows', async () => {
    const outcome = await shield(['plugins', 'cw_l3'], { runs });
    expectError(outcome, 2, 'PLUGIN_UNKNOWN');
    expect(outcome.stderr).toContain('did you mean "cw_l2"');
  });
});
