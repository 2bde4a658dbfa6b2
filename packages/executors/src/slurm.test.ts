import type { CellJob, ExecutorContext } from '@shield/core';
import { describe, expect, it } from 'vitest';
import slurm from './slurm.js';
import type { SlurmOptions } from './slurm/options.js';
import { batchScript, submitArguments } from './slurm/script.js';

// What it does with real cells and a real cluster: test/slurm.test.ts of the root.
const OPTIONS: SlurmOptions = {
  ...{ partition: '', account: '', time: 0, cpus_per_task: 1, mem: '', gres: '', sbatch: [] },
  ...{ at_once: 0, queued: 0, setup: [], command: '', poll: 5, patience: 60, hang_after: 300 },
};
const job = (timeLimit: number) => ({ timeLimit }) as CellJob;
const place = { folder: "/runs/it's", program: '/opt/my shield.js', jobs: [job(0), job(0)] };
const linesOf = (script: string) => script.split('\n').filter((line) => line.startsWith('#SBATCH '));

describe('slurm', () => {
  it('asks for what the options say, and for nothing else', () => {
    const plain = linesOf(batchScript(OPTIONS, place));
    expect(plain).toEqual(['#SBATCH --ntasks=1 --cpus-per-task=1', '#SBATCH --no-requeue']);
    const given = {
      ...{ partition: 'gpu', account: 'lab', time: 90, cpus_per_task: 4, mem: '8G', gres: 'gpu:1' },
      sbatch: ['--qos=long', '--constraint=a100'],
    };
    expect(linesOf(batchScript({ ...OPTIONS, ...given }, place))).toEqual([
      '#SBATCH --partition=gpu',
      '#SBATCH --account=lab',
      '#SBATCH --time=90',
      '#SBATCH --ntasks=1 --cpus-per-task=4',
      '#SBATCH --mem=8G',
      '#SBATCH --gres=gpu:1',
      '#SBATCH --no-requeue',
      '#SBATCH --qos=long',
      '#SBATCH --constraint=a100',
    ]);
  });

  it("lets a cell's own time limit end it before Slurm does", () => {
    const script = (...limits: number[]) => batchScript(OPTIONS, { ...place, jobs: limits.map(job) });
    expect(linesOf(script(600, 1800))).toContain('#SBATCH --time=32');
    // One that may take as long as it likes must not be ended for the others.
    expect(script(600, 0)).not.toContain('--time');
  });

  it('begins a cell as it is told to, whatever stands in paths', () => {
    const own = batchScript(OPTIONS, place);
    expect(own).toContain(`export SHIELD_SLURM_ARRAY='/runs/it'\\''s'\n`);
    expect(own).toContain(`exec '${process.execPath}' '/opt/my shield.js' worker --executor slurm `);
    const given = { setup: ['module load nodejs/20'], command: 'npx shield', hang_after: 60 };
    const script = batchScript({ ...OPTIONS, ...given }, place);
    expect(script).toMatch(/\nmodule load nodejs\/20\nexec npx shield worker --executor slurm .*--hang-after 60\n$/);
  });

  it('asks for one task a cell', () => {
    expect(submitArguments('n', '/runs/50%', { tasks: 20, at_once: 0 })).toContain('--array=1-20');
    expect(submitArguments('n', '/runs/50%', { tasks: 20, at_once: 4 })).toContain('--array=1-20%4');
    expect(submitArguments('n', '/runs/50%', { tasks: 20, at_once: 4 })).toContain('--output=/runs/50%%/task-%a.log');
  });

  it('takes no second command on a line, and memory as Slurm writes it', () => {
    const pattern = (option: string) => {
      const { pattern: own, items } = slurm.options.properties[option as 'mem'] as unknown as Record<string, string> & {
        items?: { pattern: string };
      };
      return new RegExp(items?.pattern ?? own!);
    };
    expect('--qos=a\nrm -rf /').not.toMatch(pattern('sbatch'));
    expect('qos=a').not.toMatch(pattern('sbatch'));
    expect('main\nrm').not.toMatch(pattern('partition'));
    for (const mem of ['', '4G', '500M']) expect(mem).toMatch(pattern('mem'));
    for (const mem of ['4GB', '4 G', '4000', 'lots']) expect(mem).not.toMatch(pattern('mem'));
  });

  it('wants to know how a cell is started on a node', async () => {
    const context = { program: undefined } as ExecutorContext;
    await expect(slurm.open({ ...OPTIONS }, context)).rejects.toMatchObject({
      code: 'EXECUTOR_UNUSABLE',
    });
  });
});
