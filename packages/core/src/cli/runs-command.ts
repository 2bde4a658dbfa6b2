import Table from 'cli-table3';

/** `shield runs` */
export async function runsCommand(flags: { readonly json?: boolean }): Promise<void> {
  const { listRuns, runsFolder } = await import('../tracking/index.js');
  const runs = await listRuns(runsFolder());
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(runs, null, 2)}\n`);
    return;
  }
  if (runs.length === 0) {
    process.stdout.write(`no runs in ${runsFolder()}\n`);
    return;
  }
  const table = new Table({ head: ['run', 'state', 'begun'], style: { head: [], border: [] } });
  for (const run of runs) table.push([run.id, run.state, run.createdAt.slice(0, 19).replace('T', ' ')]);
  process.stdout.write(`${table.toString()}\n`);
}
