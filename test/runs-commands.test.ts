import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { shield } from './resident.js';
import {
  expectError,
  readJson,
  readLines,
  runsIn,
  SMOKE,
  start,
  temporaryFolder,
  until,
  type JsonResult,
} from './shield.js';

/** One attack, two defenses, eight images: a few seconds. */
const QUICK = ['~attacks.cw_l2', '~defenses.jpeg', 'dataset.limit=8', 'batch=4', 'execution.strip=2'] as const;

const runs = temporaryFolder();
let weak: JsonResult;
let strong: JsonResult;

beforeAll(async () => {
  const run = async (...overrides: string[]) => {
    const { code, stdout, stderr } = await shield(['run', SMOKE, ...QUICK, ...overrides, '--json'], { runs });
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout) as JsonResult;
  };
  weak = await run('attacks.fgsm.eps=1', 'name=weak');
  strong = await run('attacks.fgsm.eps=40', 'name=strong');
  await shield(['run', SMOKE, ...QUICK, 'name=broken', 'dataset={use: image_folder, path: nowhere}'], { runs });
});

describe('shield runs', () => {
  const list = async (...args: string[]) => {
    const { code, stdout, stderr } = await shield(['runs', ...args, '--json'], { runs });
    expect(code, stderr).toBe(0);
    return (JSON.parse(stdout) as { name: string; values: Record<string, unknown> }[]).map(({ name }) => name);
  };

  test('lists runs, the oldest first, as a table of 80 columns', async () => {
    const { stdout } = await shield(['runs'], { runs });
    const lines = stdout.trimEnd().split('\n');
    expect(lines.slice(1).map((line) => line.split(/ {2,}/).slice(0, 2))).toEqual([
      [weak.run, 'COMPLETED'],
      [strong.run, 'COMPLETED'],
      [expect.stringContaining('broken'), 'FAILED'],
    ]);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    // What was asked for tells runs of one spec apart, as far as there is room.
    expect(lines[1]).toMatch(/ {2}~attacks\.cw.*…$/);
  });

  test.each([
    [
      ['-f', 'state=COMPLETED'],
      ['weak', 'strong'],
    ],
    [['-f', 'state!=COMPLETED'], ['broken']],
    [['-f', 'name~ong'], ['strong']],
    [['-f', 'attacks.fgsm.eps=40'], ['strong']],
    [
      ['-f', 'attacks.fgsm.eps>=1', 'dataset.use=drawn'],
      ['weak', 'strong'],
    ],
    [
      ['-f', 'attack/fgsm/l2_mean_all>0', '-s', 'attack/fgsm/l2_mean_all'],
      ['strong', 'weak'],
    ],
    [
      ['-s', 'attack/fgsm/l2_mean_all', '-r'],
      ['broken', 'weak', 'strong'],
    ],
    [
      ['-s', 'name'],
      ['broken', 'strong', 'weak'],
    ],
    [['-n', '1'], ['broken']],
    [['-s', 'attack/fgsm/l2_mean_all', '-n', '1'], ['strong']],
    [['-n', '0'], []],
  ])('%j', async (args, expected) => {
    expect(await list(...args)).toEqual(expected);
  });

  test('shows what was asked for', async () => {
    const { stdout } = await shield(['runs', '-s', 'attacks.fgsm.eps', '-f', 'clean/top1>0'], { runs });
    const clean = String(Number(weak.metrics['clean/top1']!.toPrecision(5)));
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/).slice(3))).toEqual([
      ['clean/top1', 'attacks.fgsm.eps'],
      [clean, '40'],
      [clean, '1'],
      [],
    ]);
  });

  test('says what it cannot read', async () => {
    expectError(await shield(['runs', '-f', 'clean/top1'], { runs }), 2, 'CLI_USAGE');
    expectError(await shield(['runs', '-f', 'clean/top1>high'], { runs }), 2, 'CLI_USAGE');
    expectError(await shield(['runs', '-n', 'few'], { runs }), 2, 'CLI_USAGE');
  });
});

describe('shield show', () => {
  test('tells how a run went and what it found', async () => {
    const { code, stdout } = await shield(['show', weak.run.slice(-6)], { runs });
    expect(code).toBe(0);
    // The table has words of its own in its first column: what stands first counts.
    const lines = stdout.split('\n').reverse();
    const facts = new Map(lines.map((line) => [line.split(/ {2,}/)[0]!, line.split(/ {2,}/).slice(1)]));
    expect(facts.get('run')).toEqual([weak.run]);
    expect(facts.get('state')![0]).toMatch(/^COMPLETED since /);
    expect(facts.get('seed')).toEqual(['7']);
    expect(facts.get('backend')![0]).toContain('wasm');
    expect(facts.get('attack')).toEqual(['fgsm', expect.stringMatching(/^\d/)]);
    const top1 = weak.metrics['attacked/fgsm/float/top1']!;
    const [low, high] = ['low', 'high'].map((end) => weak.metrics[`attacked/fgsm/float/top1_${end}`]!.toFixed(3));
    const interval = `[${Number(low)}–${Number(high)}]`;
    expect(facts.get('attacked/fgsm/float/top1')).toEqual([String(Number(top1.toPrecision(5))), interval]);
    expect(facts.get('attack/fgsm/gradients')).toHaveLength(1);
  });

  test('tells why a run failed, and how to mend it', async () => {
    const { stdout } = await shield(['show', 'latest'], { runs });
    expect(stdout).toMatch(/state +FAILED since/);
    expect(stdout).toMatch(/error +DATASET_MISSING: [^]*nowhere\n +→ /);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    const json = await shield(['show', 'latest', '--json'], { runs });
    expect(JSON.parse(json.stdout)).toMatchObject({ status: { state: 'FAILED' }, metrics: {} });
  });

  test('a run that was killed is DEAD, and says how to go on', async () => {
    const elsewhere = temporaryFolder();
    const { child, outcome } = start(['run', SMOKE, 'attacks.cw_l2.max_iterations=2000'], { runs: elsewhere });
    const journal = () => join(runsIn(elsewhere)[0]!, 'journal.jsonl');
    await until(() => runsIn(elsewhere).length > 0 && readFileSync(journal(), 'utf8').includes('RUNNING'));
    expect((await shield(['show', 'latest'], { runs: elsewhere })).stdout).toMatch(
      new RegExp(`RUNNING since .*, process ${child.pid} on`),
    );
    child.kill('SIGKILL');
    await outcome;
    expect((await shield(['show', 'latest'], { runs: elsewhere })).stdout).toMatch(/state +DEAD: [^]*; shield resume /);
    expect((await shield(['runs', '-f', 'state=DEAD'], { runs: elsewhere })).stdout).toContain(' DEAD ');
  });

  test('an ending that is nearly right: the whole id is offered', async () => {
    const outcome = await shield(['show', `${weak.run.slice(-6, -1)}${weak.run.endsWith('0') ? '1' : '0'}`], { runs });
    expectError(outcome, 2, 'RUN_NOT_FOUND');
    expect(outcome.stderr).toContain(`did you mean "${weak.run}"?`);
  });

  test('an id that is nearly right: the nearest is offered', async () => {
    const outcome = await shield(['show', weak.run.replace('weak', 'waek')], { runs });
    expectError(outcome, 2, 'RUN_NOT_FOUND');
    expect(outcome.stderr).toContain(`did you mean "${weak.run}"?`);
  });

  test('a journal that was edited by hand is read as far as it is sound', async () => {
    const copies = temporaryFolder();
    cpSync(weak.path, join(copies, 'edited'), { recursive: true });
    const path = join(copies, 'edited', 'journal.jsonl');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"clean/top1","value":', '"clean/top1","value":9'));
    const { code, stdout } = await shield(['show', 'edited'], { runs: copies });
    expect(code).toBe(0);
    expect(stdout).toMatch(/damage [^]*does\s+not\s+fit\s+its\s+checksum\s+at\s+line\s+\d+/);
  });
});

describe('a run directory of another version', () => {
  /** A copy of a run with one of its files changed, as text or as what it holds. */
  const copyWith = (file: string, change: (record: Record<string, unknown>) => string) => {
    const folder = temporaryFolder();
    cpSync(weak.path, join(folder, weak.run), { recursive: true });
    const path = join(folder, weak.run, file);
    const text = change(readJson<Record<string, unknown>>(join(weak.path, file)));
    writeFileSync(path, text);
    return { runs: folder, path, text };
  };
  const changes: [string, string, (record: Record<string, unknown>) => string][] = [
    ['newer', 'format 2', (record) => JSON.stringify({ ...record, format: 2 })],
    ['older', 'format 0', (record) => JSON.stringify({ ...record, format: 0 })],
    ['without one', 'no format', ({ format: _, ...record }) => JSON.stringify(record)],
    ['cut off', 'no format', (record) => JSON.stringify(record).slice(0, -9)],
  ];

  test.each(changes)('run.json %s: refused by name, and left as it is', async (_, found, change) => {
    const { runs, path, text } = copyWith('run.json', change);
    for (const args of [
      ['show', weak.run],
      ['resume', weak.run],
      ['export', weak.run],
      ['gc', '--yes'],
    ]) {
      const outcome = await shield(args, { runs });
      expectError(outcome, 1, 'RUN_FORMAT');
      expect(outcome.stderr.replaceAll(/\s+/g, ' ')).toContain(`run.json has ${found}`);
    }
    const listed = await shield(['runs'], { runs });
    expect([listed.code, listed.stdout]).toEqual([0, `no runs in ${runs}\n`]);
    expect(listed.stderr.replaceAll(/\s+/g, ' ')).toContain(`not listed: ${weak.run}; its record cannot be read`);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  test.each(changes)('provenance.json %s: nothing is reproduced from it', async (_, found, change) => {
    const { runs, path, text } = copyWith('provenance.json', change);
    for (const args of [
      ['reproduce', weak.run],
      ['diff', weak.run, weak.run],
    ]) {
      const outcome = await shield(args, { runs });
      expectError(outcome, 1, 'RUN_FORMAT');
      expect(outcome.stderr.replaceAll(/\s+/g, ' ')).toContain(`provenance.json has ${found}`);
    }
    // What else is known of it is told.
    expect((await shield(['show', weak.run], { runs })).stdout).toContain('COMPLETED');
    expect(runsIn(runs)).toHaveLength(1);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });
});

describe('shield diff', () => {
  interface Verdict {
    readonly id: string;
    readonly label: number;
    readonly attacks: { readonly fgsm: { readonly float: { readonly top: readonly number[] } } };
  }

  test('names what differs in spec, numbers and verdicts', async () => {
    const { code, stdout } = await shield(['diff', weak.run, strong.run, '--json'], { runs });
    expect(code).toBe(0);
    const diff = JSON.parse(stdout) as {
      spec: unknown[];
      provenance: { key: string }[];
      metrics: { key: string; a: number; b: number }[];
      flips: { path: string; images: number; becameWrong: number; becameRight: number }[];
    };
    expect(diff.spec).toEqual([
      { key: 'name', a: 'weak', b: 'strong' },
      { key: 'attacks.fgsm.eps', a: 1, b: 40 },
    ]);
    expect(diff.provenance).toEqual([]);
    expect(diff.metrics).toContainEqual({
      key: 'attack/fgsm/linf_mean_all',
      a: weak.metrics['attack/fgsm/linf_mean_all'],
      b: strong.metrics['attack/fgsm/linf_mean_all'],
    });
    expect(diff.metrics.filter(({ key }) => key.endsWith('seconds') || key === 'clean/top1')).toEqual([]);
    const right = (path: string) =>
      readLines<Verdict>(join(path, 'per-image.jsonl')).map(
        ({ label, attacks }) => attacks.fgsm.float.top[0] === label,
      );
    const [before, after] = [right(weak.path), right(strong.path)];
    const becameWrong = before.filter((was, i) => was && !after[i]).length;
    expect(becameWrong).toBeGreaterThan(0);
    expect(diff.flips).toContainEqual(
      expect.objectContaining({
        path: 'attacked/fgsm/float',
        images: 8,
        becameWrong,
        becameRight: 0,
        p: expect.closeTo(2 ** (1 - becameWrong)) as number,
      }),
    );
    expect(diff.flips).toContainEqual(expect.objectContaining({ path: 'clean', becameWrong: 0, becameRight: 0 }));
  });

  test('fits 80 columns', async () => {
    const { code, stdout } = await shield(['diff', weak.run, strong.run], { runs });
    expect(code).toBe(0);
    expect(stdout).toMatch(/attacks\.fgsm\.eps +1 +40/);
    for (const line of stdout.split('\n')) expect([...line].length, line).toBeLessThanOrEqual(80);
  });

  test('what only one of them has is told in a row, unless --all asks for it', async () => {
    const more = ['name=weak', 'attacks.fgsm.eps=1', '+attacks.pgd={use: pgd, steps: 2}'];
    const chain = '+defenses.both=[{use: jpeg}, {use: bit_depth}]';
    const outcome = await shield(['run', SMOKE, ...QUICK, ...more, chain, '--json'], { runs });
    const { run } = JSON.parse(outcome.stdout) as JsonResult;
    const { stdout } = await shield(['diff', weak.run, run], { runs });
    const rows = stdout.split('\n').map((line) => line.trim().split(/ {2,}/));
    expect(rows).toContainEqual(['attacks.pgd', '–', 'pgd']);
    expect(rows).toContainEqual(['defenses.both', '–', 'jpeg, bit_depth']);
    expect(stdout).toMatch(/^metrics only in a: 0; only in b: [1-9]\d* \(--all lists them\)$/m);
    expect(stdout).not.toMatch(/attacks\.pgd\.|defended\/pgd/);
    const all = await shield(['diff', weak.run, run, '--all'], { runs });
    expect(all.stdout).toMatch(/^attacks\.pgd\.steps +– +2$/m);
    expect(all.stdout).toMatch(/^attack\/pgd\/success /m);
  });

  test('of a run with itself: nothing', async () => {
    const { stdout } = await shield(['diff', weak.run, weak.run], { runs });
    expect(stdout.split('\n').filter((line) => line.endsWith('the same'))).toHaveLength(4);
  });
});

describe('shield export', () => {
  test('one archive, which another folder of runs can take', async () => {
    const other = temporaryFolder();
    const output = join(other, 'weak.tar.gz');
    const args = ['export', weak.run, '--artifacts', '-o', output];
    const { code, stderr } = await shield(args, { runs });
    expect(code, stderr).toBe(0);
    expectError(await shield(args, { runs }), 2, 'CLI_USAGE');
    const { status } = spawnSync('tar', ['-xzf', output, '-C', other]);
    expect(status).toBe(0);
    const unpacked = join(other, weak.run);
    expect(readdirSync(unpacked).sort()).toEqual(readdirSync(weak.path).sort());
    for (const name of readdirSync(unpacked)) {
      expect(readFileSync(join(unpacked, name)).equals(readFileSync(join(weak.path, name))), name).toBe(true);
    }
    // All that the run needs is there: evaluated again, nothing is computed.
    const again = await shield(['run', SMOKE, ...QUICK, 'attacks.fgsm.eps=1', 'name=weak', '--json'], { runs: other });
    const path = (JSON.parse(again.stdout) as JsonResult).path;
    expect(readFileSync(join(path, 'journal.jsonl'), 'utf8')).not.toContain('"phase":"start"');
    expect((await shield(['runs', '-f', 'name=weak'], { runs: other })).stdout).toContain(weak.run);
  });
});

describe('shield gc', () => {
  test('lists what no run refers to, removes it when told to, and nothing else', async () => {
    const own = temporaryFolder();
    cpSync(runs, own, { recursive: true });
    const artifacts = join(own, 'artifacts');
    const before = readdirSync(artifacts).sort();
    const orphan = join(artifacts, 'attacked-00000000000000000000');
    mkdirSync(orphan);
    writeFileSync(join(orphan, 'key.json'), '{}');
    mkdirSync(join(artifacts, 'notes-of-mine'));

    const young = await shield(['gc'], { runs: own });
    expect(young.stdout).toContain('0 artifacts that no run refers to');
    const hourAgo = new Date(Date.now() - 3_600_000);
    utimesSync(join(orphan, 'key.json'), hourAgo, hourAgo);
    const { stdout } = await shield(['gc'], { runs: own });
    expect(stdout).toContain(basename(orphan));
    expect(stdout).toContain('1 artifact that no run refers to');
    expect(existsSync(orphan)).toBe(true);

    expect((await shield(['gc', '--yes'], { runs: own })).code).toBe(0);
    expect(readdirSync(artifacts).sort()).toEqual([...before, 'notes-of-mine'].sort());
  });

  test('finds what a process that was killed left behind, once it is old', async () => {
    const own = temporaryFolder();
    cpSync(runs, own, { recursive: true });
    const reproducing = start(['reproduce', weak.run], { runs: own });
    const folder = () => readdirSync(own).find((name) => name.startsWith('.reproduced-'));
    await until(() => folder() !== undefined || reproducing.child.exitCode !== null);
    reproducing.child.kill('SIGKILL');
    await reproducing.outcome;
    const artifact = readdirSync(join(own, 'artifacts')).find((name) => name.startsWith('attacked-'))!;
    const half = join(own, 'artifacts', artifact, 'batch-000000.tfrecord.1.0a.tmp');
    const draft = join(own, 'artifacts', artifact, '.batch-000000.json.1-2');
    for (const path of [half, draft]) writeFileSync(path, 'half of it');
    const unused = async () => {
      const { stdout } = await shield(['gc', '--json'], { runs: own });
      return (JSON.parse(stdout) as { unused: { path: string }[] }).unused.map(({ path }) => path).sort();
    };
    expect(await unused()).toEqual([]);
    const hoursAgo = new Date(Date.now() - 2 * 3_600_000);
    const left = join(own, folder()!);
    for (const path of [
      half,
      draft,
      left,
      ...readdirSync(left, { recursive: true }).map((name) => join(left, String(name))),
    ])
      utimesSync(path, hoursAgo, hoursAgo);
    expect(await unused()).toEqual([left, half, draft].sort());
    expect((await shield(['gc', '--yes'], { runs: own })).code).toBe(0);
    expect([folder(), existsSync(half), existsSync(join(own, 'artifacts', artifact))]).toEqual([
      undefined,
      false,
      true,
    ]);
  });

  test('what a run only took over from another is referred to by both', async () => {
    const journals = runsIn(runs).map((path) => readFileSync(join(path, 'journal.jsonl'), 'utf8'));
    const clean = readdirSync(join(runs, 'artifacts')).filter((name) =>
      journals.slice(0, 2).every((text) => text.includes(`"${join(runs, 'artifacts', name)}"`)),
    );
    expect(clean.length).toBeGreaterThan(0);
  });

  test('refuses where a journal cannot be read whole', async () => {
    const own = temporaryFolder();
    cpSync(runs, own, { recursive: true });
    const path = join(runsIn(own)[0]!, 'journal.jsonl');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"QUEUED"', '"QUEUE"'));
    expectError(await shield(['gc', '--yes'], { runs: own }), 1, 'JOURNAL_CORRUPT');
    expect(readJson<object>(join(own, 'artifacts', readdirSync(join(own, 'artifacts'))[0]!, 'key.json'))).toBeTypeOf(
      'object',
    );
  });
});
