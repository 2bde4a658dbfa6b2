import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tarBytes } from '@shield/core/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  photosByClass,
  recordsOf,
  validationName,
  valueOf,
  writeRawData,
  type RawData,
} from '../packages/datasets/src/provision/testing/raw-data.js';
import { expectError, shield, start, temporaryFolder } from './shield.js';

const root = temporaryFolder();
const runs = join(root, 'runs');
const provision = (...args: string[]) => shield(['data', 'provision', 'imagenet', '--subset', ...args], { runs });
const fresh = (name = 'data') => mkdtempSync(join(root, `${name}-`));
const shardsOf = (folder: string) =>
  readdirSync(folder)
    .filter((name) => /-of-\d{5}$/.test(name))
    .sort();

interface Ledger {
  readonly done: Record<string, { readonly records: number; readonly bytes: number }>;
}
const ledger = (folder: string) => JSON.parse(readFileSync(join(folder, 'provision.json'), 'utf8')) as Ledger;

describe('shield data provision imagenet', () => {
  const raw = join(root, 'raw');
  let data: RawData;
  beforeAll(async () => {
    mkdirSync(raw);
    data = await writeRawData(raw);
  });

  test('makes TFRecords of the published archives: labels, folders and names as in the original', async () => {
    const output = fresh();
    const { code, stdout, stderr } = await provision('--raw-data', raw, '-o', output, '--validation-shards', '2', '--train-shards', '3'); // prettier-ignore
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^validation: 6 images in 2 shards, 0\.\d MB, .*\ntrain: 12 images in 3 shards, /);
    expect(readdirSync(output).sort()).toEqual(['checkpoints', 'train', 'validation']);
    expect(shardsOf(join(output, 'validation'))).toEqual(['validation-00000-of-00002', 'validation-00001-of-00002']);
    const validation = await recordsOf(
      shardsOf(join(output, 'validation')).map((name) => join(output, 'validation', name)),
    );
    const LABELS: Record<string, number> = { n01440764: 1, n02102040: 218, n03888257: 702 };
    expect(validation.map((record) => [valueOf(record, 'image/filename'), valueOf(record, 'image/class/synset'), valueOf(record, 'image/class/label')])).toEqual(
      data.truth.map((wnid, i) => [validationName(i + 1), wnid, LABELS[wnid]]),
    ); // prettier-ignore
    const train = await recordsOf(shardsOf(join(output, 'train')).map((name) => join(output, 'train', name)));
    for (const record of [...validation, ...train]) {
      const jpeg = Buffer.from(record['image/encoded']!.values[0] as Uint8Array);
      expect(jpeg).toEqual(data.files.get(valueOf(record, 'image/filename') as string));
    }
    expect(train).toHaveLength(12);
    const names = train.map((record) => valueOf(record, 'image/filename'));
    expect(names).not.toEqual([...names].sort());
  });

  test('by default into 128 files (and 1,024 of train: full mode) below data, from data/raw_data', async () => {
    const cwd = fresh();
    mkdirSync(join(cwd, 'data'));
    execFileSync('cp', ['-r', raw, join(cwd, 'data', 'raw_data')]);
    const splits = process.env['SHIELD_TEST_FULL'] ? ['validation', 'train'] : ['validation'];
    const only = splits.length === 1 ? ['--split', 'validation'] : [];
    const args = ['data', 'provision', 'imagenet', '--provision-only', '--subset', '--quiet', ...only];
    const { code, stderr } = await shield(args, { runs, cwd });
    expect(code, stderr).toBe(0);
    expect(readdirSync(join(cwd, 'data')).sort()).toEqual(['checkpoints', 'raw_data', ...splits].sort());
    const counts = splits.map((split) => shardsOf(join(cwd, 'data', split)).length);
    expect(counts).toEqual([128, 1024].slice(0, splits.length));
  });

  test('from folders that the archives were unpacked to, with labels in synset_labels.txt: the same bytes', async () => {
    const unpacked = fresh('unpacked');
    for (const folder of ['validation', 'train']) mkdirSync(join(unpacked, folder));
    for (const [name, bytes] of data.files) {
      const wnid = /^n\d{8}/.exec(name)?.[0];
      const folder = wnid ? join(unpacked, 'train', wnid) : join(unpacked, 'validation');
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, name), bytes);
    }
    writeFileSync(join(unpacked, 'synset_labels.txt'), data.truth.join('\n'));
    const [a, b] = [fresh(), fresh()];
    const shards = ['--validation-shards', '2', '--train-shards', '3', '--json'];
    const outcomes = await Promise.all([
      provision('--raw-data', raw, '-o', a, ...shards),
      provision('--raw-data', unpacked, '-o', b, ...shards),
    ]);
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
    const [made] = JSON.parse(outcomes[1].stdout) as [{ split: string; images: number; shards: number }];
    expect(made).toMatchObject({ split: 'validation', images: 6, shards: 2, kept: 0 });
    for (const split of ['validation', 'train']) {
      expect(ledger(join(a, split))).toEqual(ledger(join(b, split)));
    }
    expectError(await provision('--raw-data', unpacked, '-o', b, '--provision-only'), 1, 'PROVISION_NOTHING');
  });

  test('counts, and refuses a folder with other TFRecords, changing nothing', async () => {
    const output = fresh();
    const args = ['--raw-data', raw, '-o', output, '--split', 'validation', '--validation-shards', '2'];
    const whole = await shield(['data', 'provision', 'imagenet', ...args], { runs });
    expectError(whole, 1, 'PROVISION_INCOMPLETE');
    expect(whole.stderr).toContain('the validation images are 6, and 50,000 were published');
    expect(readdirSync(output)).toEqual([]);
    expect((await provision(...args)).code).toBe(0);
    expect(existsSync(join(output, 'train'))).toBe(false);
    const boxes = join(output, 'boxes.csv');
    writeFileSync(boxes, `${validationName(1)},0.1,0.2,0.3,0.4\n`);
    const again = await provision(...args);
    expect(again.stdout).toContain('in 2 shards, 2 of them from before');
    // Shards that were removed or cut are made again.
    const folder = join(output, 'validation');
    const [first, last] = shardsOf(folder).map((name) => join(folder, name)) as [string, string];
    const bytes = readFileSync(first);
    for (const harm of [() => rmSync(first), () => writeFileSync(first, bytes.subarray(0, 1000))]) {
      const standing = statSync(last).mtimeMs;
      harm();
      expect((await provision(...args)).stdout).toContain('in 2 shards, 1 of them from before');
      expect(readFileSync(first)).toEqual(bytes);
      expect(statSync(last).mtimeMs).toBe(standing);
    }
    const before = readdirSync(folder).map((name) => statSync(join(folder, name)).mtimeMs);
    expectError(await provision(...args, '--bounding-boxes', boxes), 1, 'PROVISION_DIFFERS');
    expectError(await provision(...args, '--validation-shards', '3'), 1, 'PROVISION_DIFFERS');
    const after = shardsOf(join(output, 'validation')).map(
      (name) => statSync(join(output, 'validation', name)).mtimeMs,
    );
    for (const time of after) expect(before).toContain(time);
    const foreign = fresh();
    mkdirSync(join(foreign, 'validation'));
    writeFileSync(join(foreign, 'validation', 'validation-00000-of-00128'), 'of TensorFlow');
    expectError(await provision(...args, '-o', foreign), 1, 'PROVISION_DIFFERS');
  });

  test('says what is wrong with its command line', async () => {
    const wrong: [string[], 1 | 2, string][] = [
      [['imagenet', '--raw-data', join(root, 'none')], 1, 'PROVISION_NOTHING'],
      [['imagenets'], 2, 'PROVISION_UNKNOWN'],
      [['imagenet', '--validation-shards', '0'], 2, 'CLI_USAGE'],
      [['imagenet', '--provision-only', '--download', 'http://127.0.0.1/'], 2, 'CLI_USAGE'],
      [['imagenet', '--download', 'images.tar'], 2, 'CLI_USAGE'],
      [['imagenet', '--split', 'test'], 2, 'CLI_USAGE'],
    ];
    const tried = wrong.map(([args]) => shield(['data', 'provision', '-o', fresh(), ...args], { runs }));
    for (const [i, outcome] of (await Promise.all(tried)).entries()) expectError(outcome, wrong[i]![1], wrong[i]![2]);
  });

  test('names the archive, the image and the byte of what is damaged, and keeps the shards that are done', async () => {
    const bad = fresh('bad');
    const jpeg = data.files.get(validationName(1))!;
    const entries = [1, 2, 3, 4].map((i) => ({
      path: validationName(i),
      data: i === 4 ? jpeg.subarray(0, 300) : jpeg,
    }));
    writeFileSync(join(bad, 'ILSVRC2012_img_val.tar'), tarBytes(entries));
    writeFileSync(join(bad, 'synset_labels.txt'), 'n01440764\n'.repeat(4));
    const output = fresh();
    const outcome = await provision('--raw-data', bad, '-o', output, '--validation-shards', '4', '--workers', '1');
    expectError(outcome, 1, 'IMAGE_CORRUPT');
    expect(outcome.stderr).toMatch(
      /ILSVRC2012_val_00000004\.JPEG cannot be read[^]*ILSVRC2012_img_val\.tar at byte \d+/,
    );
    expect(shardsOf(join(output, 'validation'))).toHaveLength(3);
  });
});

describe('a provisioning that is cut off', () => {
  const raw = join(root, 'large');
  const shards = 60;
  const args = (output: string) => [
    '--raw-data',
    raw,
    '-o',
    output,
    '--train-shards',
    String(shards),
    '--workers',
    '2',
  ];
  let expected: Ledger;
  beforeAll(async () => {
    mkdirSync(raw);
    const photos = await photosByClass(6, 150);
    const tars = [...photos].map(([wnid, images]) => ({
      path: `${wnid}.tar`,
      data: tarBytes(images.map((image, i) => ({ path: `${wnid}_${i}.JPEG`, data: image }))),
    }));
    writeFileSync(join(raw, 'ILSVRC2012_img_train.tar'), tarBytes(tars));
    const output = fresh();
    expect((await provision(...args(output))).code).toBe(0);
    expected = ledger(join(output, 'train'));
    expect(Object.keys(expected.done)).toHaveLength(shards);
  });

  /** Starts it and waits until some shards are done. */
  async function begun(output: string) {
    const { child, outcome } = start(['data', 'provision', 'imagenet', '--subset', ...args(output)], { runs });
    for (let i = 0; i < 6000 && child.exitCode === null; i++) {
      const done = existsSync(join(output, 'train', 'provision.json')) ? shardsOf(join(output, 'train')).length : 0;
      if (done >= 3) break;
      await sleep(5);
    }
    expect(child.exitCode).toBeNull();
    return { child, outcome };
  }

  async function goesOn(output: string): Promise<void> {
    const folder = join(output, 'train');
    // Workers notice at once that nobody hears them any more.
    await sleep(300);
    const before = new Map(Object.keys(ledger(folder).done).map((name) => [name, statSync(join(folder, name)).ino]));
    expect(before.size).toBeGreaterThan(0);
    expect(before.size).toBeLessThan(shards);
    const { code, stdout, stderr } = await provision(...args(output));
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(`900 images in ${shards} shards, ${before.size} of them from before`);
    for (const [name, ino] of before) expect(statSync(join(folder, name)).ino).toBe(ino);
    expect(ledger(folder)).toEqual(expected);
    expect(readdirSync(folder).sort()).toEqual([...shardsOf(folder), 'provision.json'].sort());
  }

  test('by kill -9 goes on with the shards that are missing, and ends with the same bytes', async () => {
    const output = fresh();
    const { child, outcome } = await begun(output);
    child.kill('SIGKILL');
    await outcome;
    await goesOn(output);
  });

  test('keeps a second process out while it works; by Ctrl-C says so, leaves with 130, and goes on', async () => {
    const output = fresh();
    const { child, outcome } = await begun(output);
    child.kill('SIGSTOP');
    const second = await provision(...args(output));
    expectError(second, 1, 'PROVISION_BUSY');
    expect(second.stderr).toContain(`in use by process ${child.pid} `);
    child.kill('SIGCONT');
    child.kill('SIGINT');
    const { code, stderr } = await outcome;
    expect(code, stderr).toBe(130);
    expect(stderr).toContain('the same command goes on with the others');
    await goesOn(output);
  });

  const full = Boolean(process.env['SHIELD_TEST_FULL']);
  test.skipIf(!full)('by the death of a worker names the shard, and goes on', async (context) => {
    if (spawnSync('pgrep', ['--version']).status !== 0) return context.skip('needs pgrep');
    const output = fresh();
    const { child, outcome } = await begun(output);
    const [worker] = spawnSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' }).stdout.split('\n');
    process.kill(Number(worker), 'SIGKILL');
    const ended = await outcome;
    expectError(ended, 1, 'PROVISION_FAILED');
    expect(ended.stderr).toMatch(/train-\d{5}-of-00060 could not be made: its process was killed by SIGKILL/);
    await goesOn(output);
  });
});

describe('shield data provision imagenet --download', () => {
  test('fetches what is missing from the user’s own server, with credentials, and goes on where it was cut off', async () => {
    const published = fresh('published');
    await writeRawData(published);
    const asked: string[] = [];
    const login = `Basic ${Buffer.from('me:se cret').toString('base64')}`;
    let cuts = 2;
    const server = createServer((request, response) => {
      const name = request.url!.slice(1);
      asked.push(`${name} ${request.headers.range ?? ''}`.trim());
      const { authorization, cookie } = request.headers;
      if (authorization !== login && cookie !== 'session=7') return void response.writeHead(401).end();
      if (!existsSync(join(published, name))) return void response.writeHead(404).end();
      const whole = readFileSync(join(published, name));
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const headers = { etag: '"1"', 'content-length': whole.length - from };
      if (from > 0)
        response.writeHead(206, { ...headers, 'content-range': `bytes ${from}-${whole.length - 1}/${whole.length}` });
      else response.writeHead(200, headers);
      if (name.endsWith('.tar') && cuts-- > 0) {
        // Late enough for a busy client: what it has not read yet is lost with the connection.
        response.write(whole.subarray(from, from + 2000), () => setTimeout(() => response.destroy(), 1000));
      } else response.end(whole.subarray(from));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const output = fresh();
      const args = ['-o', output, '--split', 'validation', '--validation-shards', '2'];
      const refused = await provision(...args, '--download', `http://${host}/`);
      expectError(refused, 1, 'DOWNLOAD_FAILED');
      expect(refused.stderr).toContain('401');
      asked.length = 0;
      const { code, stderr } = await provision(...args, '--download', `http://me:se%20cret@${host}`);
      expect(code, stderr).toBe(0);
      expect(stderr).not.toContain('cret');
      expect(asked).toEqual([
        'ILSVRC2012_devkit_t12.tar.gz',
        'ILSVRC2012_img_val.tar',
        'ILSVRC2012_img_val.tar bytes=2000-',
        'ILSVRC2012_img_val.tar bytes=4000-',
      ]);
      expect(shardsOf(join(output, 'validation'))).toHaveLength(2);
      // What is there is not fetched again; without --subset the published sums count.
      asked.length = 0;
      const env = { SHIELD_DOWNLOAD_HEADER: 'Cookie: session=7' };
      const whole = [
        'data',
        'provision',
        'imagenet',
        '--download',
        `http://${host}/`,
        '-o',
        fresh(),
        '--split',
        'train',
      ];
      const other = await shield(whole, { runs, env });
      expectError(other, 1, 'DOWNLOAD_FAILED');
      expect(other.stderr).toContain('not 1d675b47d978889d74fa0da5fadfb00e as published');
      expect(asked).toEqual(['ILSVRC2012_img_train.tar']);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
