import { relative, resolve } from 'node:path';
import { ShieldError } from '../errors/index.js';
import { findRun } from '../tracking/find-run.js';
import { runsFolder } from '../tracking/runs-folder.js';
import { shortPath } from './short-path.js';

export interface ExportDataFlags {
  readonly run: string;
  readonly output?: string;
  readonly original?: boolean;
  readonly as?: 'float32' | 'uint8';
  readonly labelOffset?: string;
  readonly json?: boolean;
}

/** `shield data export`: the images and predictions of a run as files for other programs. */
export async function exportDataCommand(flags: ExportDataFlags): Promise<void> {
  const [{ exportRun }, { readResolved }] = await Promise.all([
    import('../export/export-run.js'),
    import('../export/resolved-of.js'),
  ]);
  const original = flags.original === true;
  const run = await findRun(runsFolder(), flags.run);
  const folder = resolve(flags.output ?? `${run.id}-${original ? 'original' : 'images'}`);
  const { handover } = await readResolved(run);
  const offset = flags.labelOffset ?? (original ? '1' : '0');
  if (!/^-?\d{1,6}$/.test(offset)) {
    throw new ShieldError('CLI_USAGE', { reason: `--label-offset wants a whole number, not "${offset}"` });
  }
  const written = await exportRun(run, folder, {
    original,
    as: flags.as ?? 'float32',
    handover,
    offset: Number(offset),
  });
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ run: run.id, folder, files: written }, undefined, 2)}\n`);
    return;
  }
  const lines = written.map(({ path, images }) => `${relative(folder, path)}  ${images}`);
  process.stdout.write(`${shortPath(folder)}\n${lines.map((each) => `  ${each}\n`).join('')}`);
}
