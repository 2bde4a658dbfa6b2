import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { shield } from './resident.js';
import { readJson, root, runsIn, temporaryFolder } from './shield.js';

interface Recorded {
  readonly sweep?: string;
  readonly specGit: { readonly untracked: readonly string[] };
  readonly uncommitted: readonly {
    readonly folder: string;
    readonly patch: string;
    readonly files: readonly { readonly path: string }[];
  }[];
}

const hasGit = spawnSync('git', ['--version']).status === 0;

describe.skipIf(!hasGit)('a spec and plugins that nobody committed (skipped where git is not installed)', () => {
  const folder = realpathSync(temporaryFolder());
  const repository = join(folder, 'repository');
  const runs = join(folder, 'runs');
  const git = (cwd: string, ...args: string[]) => {
    const identity = ['-c', 'user.name=A', '-c', 'user.email=a@b.c', '-c', 'commit.gpgsign=false'];
    const { status, stderr } = spawnSync('git', [...identity, ...args], { cwd, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  };
  const file = (name: string, text: string) => writeFileSync(join(repository, name), text);

  mkdirSync(join(repository, 'attack'), { recursive: true });
  git(repository, 'init', '-q', '-b', 'trunk');
  file('README.md', 'an experiment\n');
  git(repository, 'add', '.');
  git(repository, 'commit', '-q', '-m', 'first');
  file('README.md', 'an experiment, changed\n');
  file('notes.txt', 'not used\n');
  file('.env', 'PASSWORD=hush\n');
  cpSync(join(root, 'examples', 'my-attack', 'my-attack.ts'), join(repository, 'my-attack.ts'));
  file('eps.ts', 'export const EPS = 8;\n');
  file('my-attack.ts', `import './eps.js';\n${readFileSync(join(repository, 'my-attack.ts'), 'utf8')}`);
  file('attack/mine.yaml', 'use: nesterov_fgsm\nsteps: 2\n');
  file(
    'spec.yaml',
    `name: untracked
plugins: [./my-attack.ts]
backend: wasm
dataset: { use: drawn, limit: 2 }
model: { use: small_cnn }
defaults: [{ attack: mine }]
`,
  );

  const used = ['attack/mine.yaml', 'eps.ts', 'my-attack.ts', 'spec.yaml'];
  /** A checkout of the commit, with the patches of the run applied. */
  const checkedOut = (name: string, ...patches: string[]) => {
    const again = join(folder, name);
    git(folder, 'clone', '-q', repository, again);
    git(again, 'apply', ...patches);
    return again;
  };

  test('are in the run, which a checkout of its commit becomes again', async () => {
    const { code, stderr } = await shield(['run', 'spec.yaml'], { runs, cwd: repository });
    expect(code, stderr).toBe(0);
    const [run] = runsIn(runs) as [string];
    const recorded = readJson<Recorded>(join(run, 'provenance.json'));
    expect(recorded.uncommitted).toMatchObject([{ folder: repository, patch: 'untracked.diff' }]);
    expect(recorded.uncommitted[0]!.files.map(({ path }) => path)).toEqual(used);
    expect(recorded.specGit.untracked).toEqual(expect.arrayContaining(['.env', 'notes.txt', ...used]));
    const again = checkedOut('again', join(run, 'spec-dirty.diff'), join(run, 'untracked.diff'));
    for (const name of [...used, 'README.md'])
      expect(readFileSync(join(again, name), 'utf8'), name).toBe(readFileSync(join(repository, name), 'utf8'));
    expect(existsSync(join(again, 'notes.txt')) || existsSync(join(again, '.env'))).toBe(false);
    expect((await shield(['show', 'latest'], { runs })).stdout.replaceAll(/\s+/g, ' ')).toContain(
      `untracked.diff keeps ${used.join(', ')}`,
    );
    expect((await shield(['reproduce', 'latest', '--check'], { runs })).stdout).not.toContain('untracked');
  });

  test('are in a sweep once, for all its cells', async () => {
    const swept = join(folder, 'swept');
    const args = ['sweep', 'spec.yaml', '-m', 'seed=1,2'];
    const { code, stderr } = await shield(args, { runs: swept, cwd: repository });
    expect(code, stderr).toBe(0);
    const records = runsIn(swept).map((run) => [run, readJson<Recorded>(join(run, 'provenance.json'))] as const);
    const cells = records.filter(([, { sweep }]) => sweep !== undefined);
    expect(cells).toHaveLength(2);
    for (const [run, { uncommitted }] of cells) {
      expect(existsSync(join(run, 'untracked.diff'))).toBe(false);
      const again = checkedOut(run.slice(-6), join(run, uncommitted[0]!.patch));
      for (const name of used)
        expect(readFileSync(join(again, name), 'utf8'), name).toBe(readFileSync(join(repository, name), 'utf8'));
    }
  });
});
