import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import type { SweepPlan } from '../sweep/plan.js';
import { openSweep, type SweepAsked } from '../sweep/sweep-record.js';
import { lockHolder } from '../tracking/run-lock.js';
import { runsFolder, type Run } from '../tracking/runs-folder.js';
import { ShieldError } from '../errors/index.js';
import { wrapFor } from '../report/wrap.js';
import type { SweepFlags } from './sweep-command.js';
import { shortPath } from './short-path.js';

/** Says to the process that was started by {@link detach} that it is one, which does not detach itself again. */
const MARK = 'SHIELD_DETACHED';

const detached = process.env[MARK] !== undefined;
// What it starts in turn is none.
delete process.env[MARK];

/**
 * `shield sweep --detach`: the sweep's run is there and its cells are checked when this returns; a process of its own
 * carries them out.
 *
 * @param signal ends it before the run is there
 * @throws RUN_LOCKED where another process is at it; the reason of `signal`
 */
export async function detachSweep(
  plan: SweepPlan,
  asked: SweepAsked,
  { json = false }: SweepFlags,
  signal: AbortSignal,
): Promise<void> {
  const { run } = await openSweep(runsFolder(), plan, asked, signal);
  const holder = await lockHolder(run.path);
  if (holder) throw new ShieldError('RUN_LOCKED', { id: run.id, pid: holder.pid, host: holder.host });
  const pid = detach(process.argv.slice(2), run);
  const { id: sweep, path } = run;
  const { console: log } = run.files;
  if (json) process.stdout.write(`${JSON.stringify({ sweep, path, pid, console: log }, undefined, 2)}\n`);
  else {
    const place = shortPath(log);
    const told = `${sweep}: ${plan.cells.length} cells, process ${pid}; it prints to ${place}`;
    process.stdout.write(`${wrapFor(process.stdout, told)}\n`);
    process.stdout.write(`shield watch ${sweep}\n`);
  }
}

/**
 * Goes on with a command in a process of its own, in a session of its own, that the end of this terminal does not
 * reach; what it prints goes to the console.log of the run.
 *
 * @param args after the program's name
 * @returns the number of the process
 */
function detach(args: readonly string[], run: Run): number | undefined {
  const log = openSync(run.files.console, 'a');
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...args], {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, [MARK]: '1' },
  });
  child.unref();
  return child.pid;
}

export function isDetached(): boolean {
  return detached;
}

/** In a detached process: SIGHUP, which terminals send when they end, means nothing. */
export function outliveTerminal(): void {
  if (!isDetached()) return;
  process.on('SIGHUP', () => undefined);
}
