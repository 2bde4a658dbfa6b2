import type { CellJob } from '@shield/core';
import type { SlurmOptions } from './options.js';

/** Names the folder of the array job to its tasks. */
export const FOLDER_VARIABLE = 'SHIELD_SLURM_ARRAY';

/** Seconds that a cell which is over its own limit has to stop by itself, and that starting one takes. */
const BEYOND_TIME_LIMIT = 120;

/** The script of an array job: what is asked of Slurm for each task, and how one begins. */
export function batchScript(
  options: SlurmOptions,
  {
    folder,
    program,
    jobs,
  }: { readonly folder: string; readonly program: string | undefined; readonly jobs: readonly CellJob[] },
): string {
  const { partition, account, gres, mem, cpus_per_task, sbatch, setup, hang_after } = options;
  const minutes = minutesOf(options, jobs);
  const lines = [
    partition && `--partition=${partition}`,
    account && `--account=${account}`,
    minutes > 0 && `--time=${minutes}`,
    `--ntasks=1 --cpus-per-task=${cpus_per_task}`,
    mem && `--mem=${mem}`,
    gres && `--gres=${gres}`,
    // What failed is tried again by the sweep, which knows how often.
    '--no-requeue',
    ...sbatch,
  ].filter((line) => typeof line === 'string' && line !== '');
  const command = options.command || [process.execPath, program!].map(quoted).join(' ');
  // The cell's process is ended, and the reason told, before Slurm ends the whole task for it.
  const memory = '$(( ${SLURM_MEM_PER_NODE:-$(( ${SLURM_MEM_PER_CPU:-0} * ${SLURM_CPUS_ON_NODE:-1} ))} * 9 / 10 ))';
  const flags = `--executor slurm --threads "\${SLURM_CPUS_PER_TASK:-1}" --memory "${memory}" --hang-after ${hang_after}`;
  return [
    '#!/bin/bash',
    ...lines.map((line) => `#SBATCH ${line}`),
    '',
    `export ${FOLDER_VARIABLE}=${quoted(folder)}`,
    ...setup,
    `exec ${command} worker ${flags}`,
    '',
  ].join('\n');
}

/** What sbatch is told beside the script. */
export function submitArguments(
  name: string,
  folder: string,
  { tasks, at_once }: { readonly tasks: number; readonly at_once: number },
): string[] {
  const range = `1-${tasks}${at_once > 0 ? `%${at_once}` : ''}`;
  const log = `${folder.replaceAll('%', '%%')}/task-%a.log`;
  return [`--array=${range}`, `--job-name=${name}`, `--output=${log}`, '--open-mode=append', `${folder}/script.sh`];
}

function minutesOf({ time }: SlurmOptions, jobs: readonly CellJob[]): number {
  if (time > 0) return time;
  const limits = jobs.map(({ timeLimit }) => timeLimit);
  return limits.every((limit) => limit > 0) ? Math.ceil((Math.max(...limits) + BEYOND_TIME_LIMIT) / 60) : 0;
}

/** As one word of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
