import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root, shield, SMALL, SMOKE, temporaryFolder, type JsonResult } from './shield.js';

const runs = temporaryFolder();
const command = `${process.execPath} ${join(root, 'bin', 'shield.js')}`;

/** Characters of a line as a terminal counts them: colours take no room, nor do erased lines. */
function widths(text: string): number[] {
  const plain = text.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '');
  return plain.split(/[\r\n]+/).map((line) => [...line].length);
}

describe('at 80 columns', () => {
  test.each([
    [['--help']],
    [['run', '--help']],
    [['resume', '--help']],
    [['validate', '--help']],
    [['plugins', '--help']],
    [['runs', '--help']],
    [['setup', '--help']],
    [['plugins']],
    [['plugins', 'cw_l2']],
    [['plugins', 'slq']],
    [['plugins', 'image_folder']],
    [['run', SMOKE, '--dry-run']],
  ])('shield %j', async (args) => {
    const { code, stdout, stderr } = await shield(args, { runs, env: { COLUMNS: '80' } });
    expect(code, stderr).toBe(0);
    expect(stderr).toBe('');
    expect(stdout.length).toBeGreaterThan(100);
    expect(Math.max(...widths(stdout)), stdout).toBeLessThanOrEqual(80);
  });

  test.skipIf(spawnSync('script', ['--version']).status !== 0)('a run on a real terminal', async () => {
    const line = `stty cols 80 rows 24; exec ${command} run ${SMOKE} ${SMALL.join(' ')}`;
    const child = spawn('script', ['-qec', line, '/dev/null'], {
      env: { ...process.env, SHIELD_RUNS: runs, TERM: 'xterm-256color' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let screen = '';
    child.stdout.on('data', (chunk: Buffer) => (screen += chunk.toString()));
    expect(await new Promise((resolve) => child.on('close', resolve)), screen).toBe(0);
    expect(screen).toContain('accuracy, %');
    expect(Math.max(...widths(screen)), screen).toBeLessThanOrEqual(80);
  });
});

describe('for machines', () => {
  test('--json prints one JSON document on stdout, and nothing else', async () => {
    const { code, stdout, stderr } = await shield(['run', SMOKE, ...SMALL, '--json'], { runs });
    expect(code, stderr).toBe(0);
    expect((JSON.parse(stdout) as JsonResult).metrics['images']).toBe(8);
    expect(stderr).toBe('');
    const listed = JSON.parse((await shield(['runs', '--json'], { runs })).stdout) as { state: string }[];
    expect(listed.length).toBeGreaterThan(0);
    expect(listed.every(({ state }) => state === 'COMPLETED')).toBe(true);
    const plan = JSON.parse((await shield(['run', SMOKE, '--dry-run', '--json'], { runs })).stdout) as {
      plan: unknown[];
    };
    expect(plan.plan.length).toBeGreaterThan(3);
    const plugins = JSON.parse((await shield(['plugins', '--json'], { runs })).stdout) as { name: string }[];
    expect(plugins.map(({ name }) => name)).toContain('cw_l2');
  });

  test('--quiet prints the results and nothing on the way', async () => {
    const { code, stdout, stderr } = await shield(['run', SMOKE, ...SMALL, '--quiet'], { runs });
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('rounded to 8 bits');
    expect(stderr).toBe('');
  });

  test('piped, progress is whole lines without escape codes', async () => {
    const { stdout, stderr } = await shield(['run', SMOKE, ...SMALL, 'seed=9'], { runs });

    expect(stdout + stderr).not.toMatch(/[\x1b\r]/);
    expect(stderr).toMatch(/^attack cw_l2 +8\/8 .* img\/s/m);
  });

  test('--version prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    for (const flag of ['--version', '-V'])
      expect(await shield([flag], { runs })).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('an eps that may be meant on [0, 1] is warned of by validate, by --dry-run and by the run', async () => {
    const small = [SMOKE, 'dataset.limit=8', '~attacks.cw_l2', 'attacks.fgsm.eps=0.03'];
    const line = 'attacks.fgsm.eps: 0.03 of 255 levels is next to nothing';
    const validated = await shield(['validate', ...small, '--json'], { runs });
    expect((JSON.parse(validated.stdout) as { valid: unknown[] }).valid).toMatchObject([
      { warnings: [expect.stringContaining(line)] },
    ]);
    for (const args of [
      ['validate', ...small],
      ['run', ...small, '--dry-run'],
      ['run', ...small],
    ]) {
      const { code, stderr } = await shield(args, { runs, env: { COLUMNS: '300' } });
      expect(code, stderr).toBe(0);
      expect(stderr.replaceAll(/\s+/g, ' ')).toContain(`warning: ${line}`);
    }
    expect((await shield(['show', 'latest'], { runs })).stdout).toContain('warning: attacks.fgsm.eps');
  });

  test('a reader that has seen enough is no failure', () => {
    const { status, stderr } = spawnSync('bash', ['-c', `set -o pipefail; ${command} plugins --json | head -1`], {
      env: { ...process.env, SHIELD_RUNS: runs },
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});
