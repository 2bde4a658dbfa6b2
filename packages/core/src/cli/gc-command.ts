import { columns } from '../report/columns.js';
import { findGarbage, removeArtifacts } from '../tracking/collect-garbage.js';
import { runsFolder } from '../tracking/runs-folder.js';

/** `shield gc` */
export async function gcCommand(flags: { readonly yes?: boolean; readonly json?: boolean }): Promise<void> {
  const { unused, kept } = await findGarbage(runsFolder());
  const bytes = unused.reduce((sum, artifact) => sum + artifact.bytes, 0);
  if (flags.yes) await removeArtifacts(unused);
  if (flags.json) {
    const report = { removed: flags.yes === true, unused, bytes, kept };
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    return;
  }
  const rows = unused.map(({ name, bytes: size }) => [name, megabytes(size)]);
  process.stdout.write(columns(rows, [1]));
  const done = flags.yes ? 'removed' : 'that no run refers to, or left by killed processes';
  const advice = flags.yes || unused.length === 0 ? '' : '\nshield gc --yes removes them';
  process.stdout.write(
    `${unused.length} ${unused.length === 1 ? 'artifact' : 'artifacts'} ${done}, ${megabytes(bytes)}; ${kept} stay${advice}\n`,
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
