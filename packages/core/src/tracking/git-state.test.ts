import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_DIFF_BYTES, collectGit } from './git-state.js';

const hasGit = spawnSync('git', ['--version']).status === 0;

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'shield-git-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function git(...args: string[]): string {
  const identity = ['-c', 'user.name=A', '-c', 'user.email=a@b.c', '-c', 'commit.gpgsign=false'];
  const { status, stdout, stderr } = spawnSync('git', [...identity, ...args], { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

const file = (name: string, text: string) => writeFileSync(join(folder, name), text);

function repository(): void {
  git('init', '-q', '-b', 'trunk');
  file('attack.ts', 'one\ntwo\nthree\n');
  file('other.ts', 'x\n'.repeat(20));
  git('add', '.');
  git('commit', '-q', '-m', 'first');
}

describe.skipIf(!hasGit)('collectGit (skipped where git is not installed)', () => {
  it('gives commit and branch of a clean checkout, from any folder in it', async () => {
    repository();
    mkdirSync(join(folder, 'deep', 'er'), { recursive: true });
    const { state, diff, top } = await collectGit(join(folder, 'deep', 'er'), 'dirty.diff');
    const commit = git('rev-parse', 'HEAD');
    expect(state).toEqual({ available: true, commit, branch: 'trunk', dirty: false, untracked: [], untrackedCount: 0 });
    expect(diff).toBeUndefined();
    expect(top).toBe(git('rev-parse', '--show-toplevel'));
  });

  it('gives a diff that makes the checkout again, staged or not, and what is untracked', async () => {
    repository();
    appendFileSync(join(folder, 'attack.ts'), 'four – é\n');
    renameSync(join(folder, 'other.ts'), join(folder, 'moved to.ts'));
    git('add', '-A');
    appendFileSync(join(folder, 'attack.ts'), 'five\n');
    file('notes é.txt', 'untracked');
    file('.gitignore', 'ignored\n');
    file('ignored', 'x');
    writeFileSync(join(folder, 'weights.bin'), Buffer.from([0, 1, 2, 0xff]));
    git('add', 'weights.bin');
    // What users like to set for their own eyes.
    for (const setting of ['diff.noprefix', 'diff.relative', 'color.diff']) git('config', setting, 'true');
    const { state, diff } = await collectGit(folder, 'dirty.diff');
    expect(state).toMatchObject({
      dirty: true,
      untracked: ['.gitignore', 'notes é.txt'],
      untrackedCount: 2,
      diff: { file: 'dirty.diff', stored: Buffer.byteLength(diff!), truncated: false },
    });
    const again = mkdtempSync(join(tmpdir(), 'shield-git-again-'));
    try {
      spawnSync('git', ['clone', '-q', folder, again]);
      const applied = spawnSync('git', ['apply', '--index', '-'], { cwd: again, input: diff, encoding: 'utf8' });
      expect([applied.status, applied.stderr]).toEqual([0, '']);
      const differences = spawnSync('git', ['diff', '--no-index', join(folder, 'attack.ts'), join(again, 'attack.ts')]);
      expect(differences.status).toBe(0);
      expect(readFileSync(join(again, 'weights.bin')).equals(readFileSync(join(folder, 'weights.bin')))).toBe(true);
    } finally {
      rmSync(again, { recursive: true });
    }
  });

  it('cuts a diff that is too long at a line, and says so', async () => {
    repository();
    file('attack.ts', `${'0123456789 é\n'.repeat(600_000)}the end\n`);
    const { state, diff } = await collectGit(folder, 'dirty.diff');
    expect(state).toMatchObject({ dirty: true, diff: { truncated: true, stored: Buffer.byteLength(diff!) } });
    expect(Buffer.byteLength(diff!)).toBeLessThanOrEqual(MAX_DIFF_BYTES);
    expect(Buffer.byteLength(diff!)).toBeGreaterThan(MAX_DIFF_BYTES - 100);
    expect(diff!.endsWith('0123456789 é\n')).toBe(true);
  });

  it('runs no program that the repository names, and takes no lock', async () => {
    repository();
    file('.gitattributes', '*.ts diff=evil\n');
    git('config', 'diff.evil.command', `touch ${join(folder, 'ran')} #`);
    git('config', 'diff.evil.textconv', `touch ${join(folder, 'ran')} #`);
    appendFileSync(join(folder, 'attack.ts'), 'four\n');
    // A file that only looks changed: git would like to note in its index that it is not.
    utimesSync(join(folder, 'other.ts'), 1_000_000_000, 1_000_000_000);
    const index = readFileSync(join(folder, '.git', 'index'));
    const { state, diff } = await collectGit(folder, 'dirty.diff');
    expect(readFileSync(join(folder, '.git', 'index')).equals(index)).toBe(true);
    expect(existsSync(join(folder, 'ran'))).toBe(false);
    expect(state).toMatchObject({ dirty: true, untracked: ['.gitattributes'] });
    expect(diff).toContain('+four');
    expect(diff).not.toContain('other.ts');
  });

  it('copes with a repository without commits and with a detached head', async () => {
    git('init', '-q', '-b', 'trunk');
    file('staged.ts', 'staged\n');
    git('add', 'staged.ts');
    const before = await collectGit(folder, 'dirty.diff');
    expect(before.state).toMatchObject({ available: true, branch: 'trunk', dirty: true });
    expect(before.state).not.toHaveProperty('commit');
    expect(before.diff).toContain('+staged');
    git('commit', '-q', '-m', 'first');
    git('checkout', '-q', '--detach');
    const after = await collectGit(folder, 'dirty.diff');
    expect(after.state).toMatchObject({ commit: git('rev-parse', 'HEAD'), dirty: false });
    expect(after.state).not.toHaveProperty('branch');
  });

  it('says that there is no repository, no folder, or no git', async () => {
    expect(await collectGit(folder, 'd')).toEqual({ state: { available: false, reason: 'not in a git repository' } });
    expect((await collectGit(join(folder, 'none'), 'd')).state).toMatchObject({ available: false });
    repository();
    const path = process.env['PATH'];
    try {
      process.env['PATH'] = join(folder, 'empty');
      expect(await collectGit(folder, 'd')).toEqual({ state: { available: false, reason: 'git is not installed' } });
    } finally {
      process.env['PATH'] = path;
    }
  });
});
