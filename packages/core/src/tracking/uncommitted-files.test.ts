import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collectUncommitted } from './uncommitted-files.js';

const hasGit = spawnSync('git', ['--version']).status === 0;

let folder: string;
let elsewhere: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'shield-untracked-')));
  elsewhere = mkdtempSync(join(tmpdir(), 'shield-untracked-again-'));
});
afterEach(() => [folder, elsewhere].forEach((path) => rmSync(path, { recursive: true, force: true })));

function git(cwd: string, args: string[], input?: string): string {
  const identity = ['-c', 'user.name=A', '-c', 'user.email=a@b.c', '-c', 'commit.gpgsign=false'];
  const { status, stdout, stderr } = spawnSync('git', [...identity, ...args], { cwd, input, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');

function repository(): void {
  git(folder, ['init', '-q', '-b', 'trunk']);
  file('tracked.ts', 'tracked\n');
  git(folder, ['add', '.']);
  git(folder, ['commit', '-q', '-m', 'first']);
}

describe.skipIf(!hasGit)('files of a repository (skipped where git is not installed)', () => {
  const TEXTS: Readonly<Record<string, string>> = {
    'spec.yaml': 'name: a\nseed: 1\n',
    'deep/er/plugin.ts': 'export {};\n\n  // a tab\there, é, 図, no newline at the end',
    'windows.yaml': 'a: 1\r\nb: 2\r\n',
    'empty.ts': '',
    'one newline.ts': '\n',
    'with bom.yaml': '\uFEFFname: b\n',
    'a "quoted" \\ name.ts': '--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\ndiff --git a/x b/x\n',
    'tab\tand é.ts': 'x\n',
    '-n': 'looks like an option\n',
  };

  it('are made again by git apply, to the byte, whatever they are called', async () => {
    repository();
    const paths = Object.entries(TEXTS).map(([name, text]) => file(name, text));
    chmodSync(paths[0]!, 0o755);
    const { record, patches } = await collectUncommitted([...paths, join(folder, 'tracked.ts')], undefined);
    expect(record).toHaveLength(1);
    expect(record[0]).toMatchObject({ folder, patch: 'untracked.diff' });
    expect(Object.fromEntries(record[0]!.files.map((each) => [each.path, each.sha256]))).toEqual(
      Object.fromEntries(Object.entries(TEXTS).map(([name, text]) => [name, sha256(text)])),
    );
    const again = join(elsewhere, 'again');
    git(elsewhere, ['clone', '-q', folder, again]);
    git(again, ['apply', '--index', '-'], patches['untracked.diff']);
    for (const [name, text] of Object.entries(TEXTS)) expect(readFileSync(join(again, name), 'utf8'), name).toBe(text);
    expect(statSync(join(again, 'spec.yaml')).mode & 0o100).toBe(0o100);
    expect(git(again, ['diff', '--cached', '--name-only', '-z']).split('\0').filter(Boolean)).toHaveLength(
      paths.length,
    );
  });

  it('are left out where a commit holds them, changed or not, and where packages brought them', async () => {
    repository();
    appendFileSync(join(folder, 'tracked.ts'), 'changed\n');
    const staged = file('staged.ts', 'staged\n');
    git(folder, ['add', 'staged.ts']);
    const installed = file('node_modules/attack/index.js', 'x\n');
    const paths = [join(folder, 'tracked.ts'), staged, installed, join(folder, 'gone.ts')];
    expect(await collectUncommitted(paths, undefined)).toEqual({ record: [], patches: {} });
  });

  it('that git ignores are kept, but for what is built in its own checkout', async () => {
    repository();
    file('.gitignore', 'dist\n');
    const path = file('dist/plugin.js', 'built\n');
    expect((await collectUncommitted([path], undefined)).patches['untracked.diff']).toContain('+built');
    expect((await collectUncommitted([path], folder)).record).toEqual([]);
  });

  it('are found behind a symbolic link, and two repositories are told apart', async () => {
    repository();
    const other = join(elsewhere, 'other');
    mkdirSync(other);
    git(other, ['init', '-q', '-b', 'trunk']);
    writeFileSync(join(other, 'plugin.ts'), 'other\n');
    const path = file('spec.yaml', 'name: a\n');
    symlinkSync(folder, join(elsewhere, 'link'));
    const { record, patches } = await collectUncommitted(
      [join(elsewhere, 'link', 'spec.yaml'), path, join(other, 'plugin.ts')],
      undefined,
    );
    expect(record.map(({ files }) => files.map(({ path: name }) => name)).sort()).toEqual([
      ['plugin.ts'],
      ['spec.yaml'],
    ]);
    expect(Object.keys(patches).sort()).toEqual(['untracked-2.diff', 'untracked.diff']);
    for (const { folder: top, patch, files } of record)
      expect(patches[patch!]).toContain(`+${readFileSync(join(top, files[0]!.path), 'utf8')}`);
  });
});

describe('files outside any repository', () => {
  it('are kept as well, from the folder that holds all of them', async () => {
    const paths = [file('specs/a.yaml', 'name: a\n'), file('plugins/mine.ts', 'export {};\n')];
    const { record, patches } = await collectUncommitted(paths, undefined);
    expect(record).toMatchObject([{ folder, files: [{ path: 'plugins/mine.ts' }, { path: 'specs/a.yaml' }] }]);
    if (!hasGit) return;
    git(elsewhere, ['apply', '-'], patches['untracked.diff']);
    expect(readFileSync(join(elsewhere, 'specs/a.yaml'), 'utf8')).toBe('name: a\n');
  });

  it('hashes, but does not keep, what is no text, too large, too much, or may hold credentials', async () => {
    const large = 'x'.repeat(2 ** 20) + '\n';
    const contents: Readonly<Record<string, string | Buffer>> = {
      '.env': 'PASSWORD=hush\n',
      '.env.local': 'PASSWORD=hush\n',
      'credentials.json': '{"password":"hush"}\n',
      'server.key': 'hush\n',
      'plain.ts': '-----BEGIN OPENSSH PRIVATE KEY-----\nhush\n',
      'weights.bin': Buffer.from([1, 0, 2]),
      'latin1.ts': Buffer.from([0x68, 0xe9, 0x0a]),
      'large.ts': large,
      'author.ts': 'kept\n',
    };
    const paths = Object.entries(contents).map(([name, content]) => file(name, content));
    const { record, patches } = await collectUncommitted(paths, undefined);
    const left = Object.fromEntries(record[0]!.files.map((each) => [each.path, each.left]));
    expect(left).toEqual({
      '.env': 'it may hold credentials',
      '.env.local': 'it may hold credentials',
      'credentials.json': 'it may hold credentials',
      'server.key': 'it may hold credentials',
      'plain.ts': 'it may hold credentials',
      'weights.bin': 'not text',
      'latin1.ts': 'not text',
      'large.ts': 'larger than 1 MiB',
      'author.ts': undefined,
    });
    for (const { path, sha256: hash } of record[0]!.files) expect(hash, path).toBe(sha256(contents[path]!));
    expect(patches['untracked.diff']).toContain('+kept');
    expect(JSON.stringify([record, patches])).not.toContain('hush');
  });

  it('stops before the patch is larger than 5 MiB', async () => {
    const paths = Array.from({ length: 6 }, (_, i) => file(`${i}.ts`, `${i}`.repeat(2 ** 20)));
    const { record, patches } = await collectUncommitted(paths, undefined);
    expect(record[0]!.files.map(({ left }) => left)).toEqual([
      ...Array<undefined>(4),
      'the patch is full',
      'the patch is full',
    ]);
    expect(patches['untracked.diff']!.length).toBeLessThan(5 * 2 ** 20);
  });
});
