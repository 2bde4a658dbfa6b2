import type { GitState } from './git-state.js';
import type { CollectedProvenance, PlaceOfWork, Provenance, ProvenanceInput } from './provenance.js';
import { withoutSecrets } from './secrets.js';

/** What a sweep captured, as its cells record it: diffs stay where they are. @param sweep id of the sweep's run */
export function provenanceOfCells({ record }: CollectedProvenance, sweep: string): CollectedProvenance {
  const inSweep = (file: string) => `../${sweep}/${file}`;
  const changes = (git: GitState): GitState =>
    git.available && git.diff ? { ...git, diff: { ...git.diff, file: inSweep(git.diff.file) } } : git;
  const { git, specGit, uncommitted } = record;
  const cells: Provenance = {
    ...record,
    sweep,
    git: changes(git),
    ...(specGit ? { specGit: changes(specGit) } : {}),
    ...(uncommitted
      ? { uncommitted: uncommitted.map((each) => (each.patch ? { ...each, patch: inSweep(each.patch) } : each)) }
      : {}),
  };
  return { record: cells, files: {} };
}

/** What a sweep captured, as the record of cells that are carried out in this place: the machine named is the one that computes. */
export function provenanceAt({ record, files }: CollectedProvenance, place: PlaceOfWork): CollectedProvenance {
  const { lockFile: _sweeps, ...rest } = record;
  return { record: { ...rest, ...place }, files };
}

/** What was captured once for many runs, as the record of one of them that starts now. */
export function provenanceFor(
  { record, files }: CollectedProvenance,
  run: Pick<ProvenanceInput, 'seed' | 'code' | 'specFiles'> & { readonly commandLine: readonly string[] },
): CollectedProvenance {
  const startedAt = new Date().toISOString();
  return { record: { ...record, ...run, startedAt, commandLine: withoutSecrets(run.commandLine) }, files };
}
