import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ShieldError, systemCode } from '../errors/index.js';
import { mlflowSettings, runAddress, sentTo } from '../tracking/mlflow/index.js';
import { findRun } from '../tracking/find-run.js';
import { runsFolder } from '../tracking/runs-folder.js';

export interface UiFlags {
  readonly run?: string;
  readonly port: string;
}

/** `shield ui`: where runs are seen in MLflow; with no server named, starts one of the user's own on this machine. */
export async function uiCommand(flags: UiFlags): Promise<void> {
  if (flags.run !== undefined) {
    const run = await findRun(runsFolder(), flags.run);
    const servers = Object.entries(await sentTo(run));
    if (servers.length === 0) {
      const reason = `the run ${run.id} was not sent to any MLflow server yet; shield sync ${run.id} sends it`;
      throw new ShieldError('CLI_USAGE', { reason });
    }
    for (const [uri, state] of servers) process.stdout.write(`${runAddress(uri, state)}\n`);
    return;
  }
  const settings = mlflowSettings(process.env);
  if (settings) process.stdout.write(`${settings.uri}\n`);
  else await serve(flags.port);
}

/** Runs until it is stopped, as `mlflow server` does; its data stands beside the runs. */
async function serve(port: string): Promise<void> {
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
    throw new ShieldError('CLI_USAGE', { reason: `--port takes a number from 1 to 65535, not "${port}"` });
  if (!(await isFree(Number(port))))
    throw new ShieldError('CLI_USAGE', { reason: `the port ${port} is in use: give another one with --port` });
  const folder = join(runsFolder(), '.mlflow');
  const { makeFolder } = await import('../files/make-folder.js');
  await makeFolder(folder);
  const stores = ['--backend-store-uri', `sqlite:///${join(folder, 'mlflow.db')}`];
  const artifacts = ['--artifacts-destination', join(folder, 'artifacts'), '--serve-artifacts'];
  const args = ['server', '--host', '127.0.0.1', '--port', port, ...stores, ...artifacts];
  const server = spawn('mlflow', args, { stdio: 'inherit' });
  const missing = new Promise<never>((_, reject) => {
    server.once('error', (error) =>
      reject(systemCode(error) === 'ENOENT' ? new ShieldError('TRACKING_NOT_CONFIGURED', {}, { cause: error }) : error),
    );
  });
  const address = `http://127.0.0.1:${port}`;
  server.once('spawn', () =>
    process.stderr.write(`${address}  (in another terminal: MLFLOW_TRACKING_URI=${address} shield sync)\n`),
  );
  const [code] = (await Promise.race([once(server, 'exit'), missing])) as [number | null];
  if (code) process.exitCode = code;
}

/** MLflow tells of a port that is taken only after its databases are made, and in words of its server. */
async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const listening = once(probe, 'listening').then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === 'EADDRINUSE') return false;
      throw error;
    },
  );
  probe.listen(port, '127.0.0.1');
  const free = await listening;
  if (free) await new Promise((closed) => probe.close(closed));
  return free;
}
