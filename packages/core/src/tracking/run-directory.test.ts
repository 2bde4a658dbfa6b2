import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { canMountDisks, mountSmallDisk, type SmallDisk, startScript } from '../testing/processes.js';
import { readJournal } from './journal-reader.js';
import type { CollectedProvenance } from './provenance.js';
import { createRun, type NewRun } from './run-directory.js';
import { findRun } from './find-run.js';
import { listRuns, openRun, runState, runStatus, runsFolder } from './runs-folder.js';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'shield-runs-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const PROVENANCE = {
  record: { format: 1, seed: 7 },
  files: { 'dirty.diff': '+changed\n' },
} as unknown as CollectedProvenance;
const newRun = (changes: Partial<NewRun> = {}): NewRun => ({
  name: 'cw-l2-slq',
  specText: '# as written\nname: cw-l2-slq\n',
  resolvedText: 'name: cw-l2-slq\nseed: 7\n',
  hash: 'abcdef',
  provenance: PROVENANCE,
  commandLine: ['shield', 'run', 'spec.yaml'],
  ...changes,
});

describe('createRun', () => {
  it('leaves a whole directory, QUEUED, and nothing else', async () => {
    const runs = join(folder, 'not', 'there', 'yet');
    const run = await createRun(runs, newRun());
    expect(run.id).toMatch(/^\d{8}-\d{6}-cw-l2-slq-[0-9a-z]{6}$/);
    expect(readdirSync(runs)).toEqual([run.id]);
    expect(readdirSync(run.path).sort()).toEqual(
      ['dirty.diff', 'journal.jsonl', 'provenance.json', 'resolved.yaml', 'run.json', 'spec.yaml'].sort(),
    );
    expect(readFileSync(run.files.spec, 'utf8')).toBe('# as written\nname: cw-l2-slq\n');
    expect(readFileSync(run.files.resolved, 'utf8')).toBe('name: cw-l2-slq\nseed: 7\n');
    expect(readFileSync(join(run.path, 'dirty.diff'), 'utf8')).toBe('+changed\n');
    expect(JSON.parse(readFileSync(run.files.provenance, 'utf8'))).toEqual({ format: 1, seed: 7 });
    const events = [];
    for await (const { type } of readJournal(run.files.journal)) events.push(type);
    expect(events).toEqual(['journal', 'state']);
    expect(await runStatus(run.path)).toMatchObject({ state: 'QUEUED', holder: undefined });
    expect(await openRun(run.path)).toEqual(run);
    // Others may read it where the process's umask lets them.
    expect(statSync(run.path).mode & 0o777).toBe(0o777 & ~process.umask());
  });

  it('makes names that every file system takes', async () => {
    const names = ['../../etc/passwd', 'größe 50 %/☂', '', '.hidden', 'x'.repeat(300)];
    for (const name of names) {
      const run = await createRun(folder, newRun({ name }));
      expect(run.id).toMatch(/^\d{8}-\d{6}-[\w][\w.-]{0,59}-[0-9a-z]{6}$/);
      expect(run.name).toBe(name);
    }
    expect(readdirSync(folder)).toHaveLength(names.length);
  });

  it('gives 20 directories to 20 runs that four processes make at once', async () => {
    const code = `
      const run = ${JSON.stringify(newRun())};
      const made = await Promise.all(Array.from({ length: 5 }, () => core.createRun(${JSON.stringify(folder)}, run)));
      console.log(JSON.stringify(made.map(({ id }) => id)));`;
    const scripts = Array.from({ length: 4 }, () => startScript('tracking/index.js', code));
    const done = await Promise.all(scripts.map(({ finished }) => finished));
    const ids = done.flatMap(({ stdout }) => JSON.parse(stdout) as string[]);
    expect(new Set(ids).size).toBe(20);
    expect(readdirSync(folder).sort()).toEqual(ids.toSorted());
    for (const run of await listRuns(folder)) expect(run.state).toBe('QUEUED');
  });

  it('says where it may not write', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, 'a file, no folder');
    for (const runs of [file, join(file, 'below')]) {
      await expect(createRun(runs, newRun())).rejects.toMatchObject({ code: 'WRITE_FAILED', params: { path: runs } });
    }
    expect(readFileSync(file, 'utf8')).toBe('a file, no folder');
  });
});

describe.skipIf(!canMountDisks())('a disk that refuses (skipped where none can be mounted)', () => {
  let disk: SmallDisk;
  beforeAll(() => void (disk = mountSmallDisk(64 * 1024)));
  afterAll(() => disk.unmount());

  it('full: says so and leaves no trace', async () => {
    const resolvedText = 'x'.repeat(200_000);
    await expect(createRun(disk.path, newRun({ resolvedText }))).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(readdirSync(disk.path)).toEqual([]);
  });

  it('read-only: says so, and runs that are there can still be read', async () => {
    const run = await createRun(disk.path, newRun());
    disk.setReadOnly(true);
    await expect(createRun(disk.path, newRun())).rejects.toMatchObject({ code: 'WRITE_FAILED' });
    expect(await runState((await findRun(disk.path, 'latest')).path)).toBe('QUEUED');
    disk.setReadOnly(false);
    expect(readdirSync(disk.path)).toEqual([run.id]);
  });
});

describe('findRun', () => {
  it('takes an id, its beginning, its last characters, a path, and latest', async () => {
    const first = await createRun(folder, newRun({ name: 'first' }));
    const second = await createRun(folder, newRun({ name: 'second' }));
    const third = await createRun(folder, newRun({ name: 'third' }));
    mkdirSync(join(folder, 'artifacts'));
    mkdirSync(join(folder, '.new-halfmade'));
    writeFileSync(join(folder, 'README.md'), 'no run');
    expect((await listRuns(folder)).map(({ id }) => id)).toEqual([first.id, second.id, third.id]);
    expect((await findRun(folder, second.id)).id).toBe(second.id);
    expect((await findRun(folder, second.id.slice(0, 18))).id).toBe(second.id);
    expect((await findRun(folder, first.id.slice(-6))).id).toBe(first.id);
    expect((await findRun(folder, third.path)).id).toBe(third.id);
    expect((await findRun(folder, 'latest')).id).toBe(third.id);
    // A sweep stands for its cells.
    const sweep = await createRun(folder, newRun({ name: 'sweep', kind: 'sweep' }));
    await createRun(folder, newRun({ name: 'cell', cellOf: { sweep: sweep.id, cell: 1 } }));
    expect((await findRun(folder, 'latest')).id).toBe(sweep.id);
  });

  it('names what was perhaps meant', async () => {
    await expect(findRun(join(folder, 'none'), 'x')).rejects.toMatchObject({
      code: 'RUN_NOT_FOUND',
      params: { hint: '; there are no runs there yet' },
    });
    const run = await createRun(folder, newRun());
    const other = await createRun(folder, newRun());
    const slip = run.id.replace('cw-l2', 'cw-12');
    await expect(findRun(folder, slip)).rejects.toMatchObject({ params: { hint: `; did you mean "${run.id}"?` } });
    await expect(findRun(folder, run.id.slice(0, 4))).rejects.toMatchObject({
      params: { hint: expect.stringContaining('2 begin so') as string },
    });
    await expect(findRun(folder, 'entirely-different')).rejects.toMatchObject({
      params: { hint: expect.stringContaining(other.id) as string },
    });
    for (const name of ['', '.', '..', 'artifacts']) {
      await expect(findRun(folder, name)).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    }
    await expect(findRun(folder, './nowhere')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
  });

  it('goes by the name that a directory has now', async () => {
    const run = await createRun(folder, newRun());
    renameSync(run.path, join(folder, 'the-good-one'));
    expect(await findRun(folder, 'the-good-one')).toMatchObject({ id: 'the-good-one', name: 'cw-l2-slq' });
    expect(existsSync((await findRun(folder, 'latest')).files.spec)).toBe(true);
  });
});

it('has runs in $SHIELD_RUNS or ./runs', () => {
  const before = process.env['SHIELD_RUNS'];
  try {
    process.env['SHIELD_RUNS'] = folder;
    expect(runsFolder()).toBe(folder);
    delete process.env['SHIELD_RUNS'];
    expect(runsFolder()).toBe(join(process.cwd(), 'runs'));
  } finally {
    if (before !== undefined) process.env['SHIELD_RUNS'] = before;
  }
});
