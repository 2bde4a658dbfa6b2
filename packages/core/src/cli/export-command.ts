import { existsSync } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { create } from 'tar';
import { ShieldError, writeError } from '../errors/index.js';
import { readJournal } from '../tracking/journal-reader.js';
import { findRun } from '../tracking/find-run.js';
import { listRuns, runsFolder, type Run } from '../tracking/runs-folder.js';
import { shortPath } from './short-path.js';
import { OWN_BUSINESS } from '../tracking/shared-runs.js';

export interface ExportFlags {
  readonly run: string;
  readonly output?: string;
  readonly artifacts?: boolean;
}

/**
 * `shield export`: one archive that holds the run's directory, and with `--artifacts` those it refers to, in the
 * places that they have below the folder of runs: unpacked into such a folder, the run is listed and shown there.
 */
export async function exportCommand(flags: ExportFlags): Promise<void> {
  const run = await findRun(runsFolder(), flags.run);
  const output = resolve(flags.output ?? `${run.id}.tar.gz`);
  if (existsSync(output)) {
    throw new ShieldError('CLI_USAGE', { reason: `${output} is there already; --output names another file` });
  }
  const folder = dirname(run.path);
  const runs = [run, ...(await belonging(run, folder))];
  const artifacts = new Set<string>();
  for (const each of flags.artifacts ? runs : [])
    for (const path of await artifactsOf(each, folder)) artifacts.add(path);
  const paths = [...runs.map(({ path }) => basename(path)), ...artifacts];
  const draft = join(dirname(output), `.${basename(output)}.${process.pid}`);
  try {
    const filter = (path: string) => !OWN_BUSINESS.test(basename(path));
    await create({ gzip: true, portable: true, cwd: folder, file: draft, filter }, paths);
    await rename(draft, output);
  } catch (error) {
    await rm(draft, { force: true });
    throw writeError(error, output, run.id);
  }
  const { size } = await stat(output);
  process.stdout.write(`${shortPath(output)}  ${(size / 1e6).toFixed(1)} MB\n`);
}

/** The runs without which a run is not whole: the cells of a sweep, the sweep of a cell. */
async function belonging({ id, kind, sweep }: Run, folder: string): Promise<readonly Run[]> {
  if (kind === undefined && sweep === undefined) return [];
  const runs = await listRuns(folder);
  return runs.filter((other) => (kind === 'sweep' ? other.sweep === id : other.id === sweep));
}

/** The run's artifacts that are there, as paths from the folder of runs. */
async function artifactsOf(run: Run, folder: string): Promise<string[]> {
  const names = new Set<string>();
  for await (const entry of readJournal(run.files.journal)) {
    if (entry.type === 'artifact') names.add(basename(entry.path));
  }
  return [...names].map((name) => join('artifacts', name)).filter((path) => existsSync(join(folder, path)));
}
