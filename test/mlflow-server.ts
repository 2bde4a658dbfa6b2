import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheDir } from '@shield/core';

/**
 * The program of a real MLflow: `$SHIELD_MLFLOW`, else the one that `.ci/mlflow` installs in the cache. Where there is
 * none, tests that want it say so and are skipped.
 */
export function mlflowProgram(): string | undefined {
  const path = process.env['SHIELD_MLFLOW'] ?? join(cacheDir(), 'mlflow', 'bin', 'mlflow');
  if (existsSync(path)) return path;
  console.warn(`tests with an MLflow server are skipped: there is no ${path} (.ci/mlflow installs it)`);
  return undefined;
}

export interface ServerOptions {
  /** SQLAlchemy address; default: sqlite in the server's folder. */
  readonly store?: string;
  /** User and password of an administrator: then the server wants to know who asks. */
  readonly admin?: { readonly user: string; readonly password: string };
  /** Whether artifacts go through the server; default true. */
  readonly proxy?: boolean;
}

const STARTS_WITHIN_MS = 120_000;

/** A real tracking server on a free port, with folders of its own. */
export class MlflowServer {
  #process: ChildProcess | undefined;

  private constructor(
    private readonly program: string,
    private readonly folder: string,
    private readonly port: number,
    private readonly options: ServerOptions,
  ) {}

  static async start(program: string, options: ServerOptions = {}): Promise<MlflowServer> {
    const folder = mkdtempSync(join(tmpdir(), 'shield-mlflow-'));
    const server = new MlflowServer(program, folder, await freePort(), options);
    await server.start();
    return server;
  }

  get uri(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Again, with the same port and data, after {@link kill}. */
  async start(): Promise<void> {
    const store = this.options.store ?? `sqlite:///${join(this.folder, 'mlflow.db')}`;
    const args = ['server', '--host', '127.0.0.1', '--port', String(this.port), '--workers', '1'];
    const artifacts = join(this.folder, 'artifacts');
    args.push('--backend-store-uri', store);
    if (this.options.proxy === false) args.push('--default-artifact-root', artifacts);
    else args.push('--artifacts-destination', artifacts, '--serve-artifacts');
    args.push(...(this.options.admin ? ['--app-name', 'basic-auth'] : []));
    // Its job runner, a third process that costs as long to start as the server, has no part in tracking.
    const jobs = { MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false' };
    // Servers before 2.10 find the programs that they start by the path.
    const PATH = `${dirname(this.program)}:${process.env['PATH']}`;
    const env = {
      ...process.env,
      PATH,
      ...jobs,
      ...(this.options.admin ? this.#authentication(this.options.admin) : {}),
    };
    const log = openSync(join(this.folder, 'log'), 'a');
    // A group of its own: the program starts workers, which a kill is to reach too.
    this.#process = spawn(this.program, args, { cwd: this.folder, env, stdio: ['ignore', log, log], detached: true });
    const deadline = Date.now() + STARTS_WITHIN_MS;
    for (;;) {
      const healthy = await fetch(`${this.uri}/health`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (healthy) return;
      if (this.#process.exitCode !== null || Date.now() > deadline) {
        throw new Error(`mlflow does not start:\n${readFileSync(join(this.folder, 'log'), 'utf8').slice(-3000)}`);
      }
      await sleep(100);
    }
  }

  #authentication({ user, password }: NonNullable<ServerOptions['admin']>): Record<string, string> {
    const path = join(this.folder, 'auth.ini');
    const settings = {
      default_permission: 'READ',
      database_uri: `sqlite:///${join(this.folder, 'auth.db')}`,
      admin_username: user,
      admin_password: password,
      authorization_function: 'mlflow.server.auth:authenticate_request_basic_auth',
      // Each check of a password takes most of a second otherwise.
      auth_cache_ttl_seconds: '600',
    };
    const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}`);
    writeFileSync(path, ['[mlflow]', ...lines, ''].join('\n'));
    return { MLFLOW_AUTH_CONFIG_PATH: path, MLFLOW_FLASK_SERVER_SECRET_KEY: 'for tests' };
  }

  /** As a power failure would. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child?.pid === undefined || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      child.kill('SIGKILL');
    }
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

export interface Snapshot {
  readonly id: string;
  readonly status: string;
  readonly endTime: number | undefined;
  readonly name: string;
  readonly params: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Every point of every metric as `value timestamp step`, sorted. */
  readonly metrics: Readonly<Record<string, readonly string[]>>;
  readonly datasets: readonly { readonly name: string; readonly digest: string; readonly source: string }[];
  /** sha256 of every artifact by its path. */
  readonly artifacts: Readonly<Record<string, string>>;
}

/** Reads runs back through the server's own API: nothing here is shared with the tracker. */
export class MlflowReader {
  constructor(
    readonly uri: string,
    private readonly authorization?: string,
  ) {}

  async #fetch(path: string, body?: object): Promise<Response> {
    const headers = {
      ...(this.authorization ? { authorization: this.authorization } : {}),
      ...(body ? { 'content-type': 'application/json' } : {}),
    };
    const init = body ? { method: 'POST', body: JSON.stringify(body), headers } : { headers };
    const response = await fetch(`${this.uri}${path}`, init);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response;
  }

  async #api<T>(path: string, body?: object): Promise<T> {
    return (await this.#fetch(`/api/2.0/mlflow/${path}`, body)).json() as Promise<T>;
  }

  async experimentId(name: string): Promise<string> {
    const query = `experiment_name=${encodeURIComponent(name)}`;
    const { experiment } = await this.#api<{ experiment: { experiment_id: string } }>(
      `experiments/get-by-name?${query}`,
    );
    return experiment.experiment_id;
  }

  /** Ids of the runs of an experiment, deleted ones included. */
  async runs(experiment: string): Promise<readonly string[]> {
    const { runs = [] } = await this.#api<{ runs?: { info: { run_id: string } }[] }>('runs/search', {
      experiment_ids: [await this.experimentId(experiment)],
      run_view_type: 'ALL',
    });
    return runs.map(({ info }) => info.run_id);
  }

  /** The one run of an experiment. */
  async theRun(experiment: string): Promise<Snapshot> {
    const runs = await this.runs(experiment);
    if (runs.length !== 1) throw new Error(`${runs.length} runs in ${experiment}`);
    return this.snapshot(runs[0]!);
  }

  async snapshot(id: string): Promise<Snapshot> {
    const { run } = await this.#api<{ run: RunAnswer }>(`runs/get?run_id=${id}`);
    const pairs = (list: readonly { key: string; value: string }[] = []) =>
      Object.fromEntries(list.map(({ key, value }) => [key, value]));
    const metrics: Record<string, string[]> = {};
    for (const { key } of run.data.metrics ?? []) {
      const query = `run_id=${id}&metric_key=${encodeURIComponent(key)}`;
      const history = await this.#api<{ metrics: { value: number | string; timestamp: number; step?: number }[] }>(
        `metrics/get-history?${query}`,
      );
      metrics[key] = history.metrics
        .map(({ value, timestamp, step }) => `${Number(value)} ${timestamp} ${step ?? 0}`)
        .sort();
    }
    const root = run.info.artifact_uri.replace(/^mlflow-artifacts:\//, '');
    return {
      id,
      status: run.info.status,
      endTime: run.info.end_time,
      name: run.info.run_name,
      params: pairs(run.data.params),
      tags: pairs(run.data.tags),
      metrics,
      datasets: (run.inputs?.dataset_inputs ?? []).map(({ dataset }) => dataset),
      artifacts: await this.#artifacts(id, root, ''),
    };
  }

  async artifact(id: string, path: string): Promise<Buffer> {
    const { run } = await this.#api<{ run: RunAnswer }>(`runs/get?run_id=${id}`);
    return this.#download(run.info.artifact_uri.replace(/^mlflow-artifacts:\//, ''), path);
  }

  async #artifacts(id: string, root: string, folder: string): Promise<Record<string, string>> {
    const query = `run_id=${id}${folder ? `&path=${encodeURIComponent(folder)}` : ''}`;
    const { files = [] } = await this.#api<{ files?: { path: string; is_dir: boolean }[] }>(`artifacts/list?${query}`);
    const found: Record<string, string> = {};
    for (const { path, is_dir } of files) {
      if (is_dir) Object.assign(found, await this.#artifacts(id, root, path));
      else found[path] = sha256(await this.#download(root, path));
    }
    return found;
  }

  async #download(root: string, path: string): Promise<Buffer> {
    const encoded = `${root}/${path}`.split('/').map(encodeURIComponent).join('/');
    const response = await this.#fetch(`/api/2.0/mlflow-artifacts/artifacts/${encoded}`);
    return Buffer.from(await response.arrayBuffer());
  }
}

export function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

interface RunAnswer {
  readonly info: {
    readonly status: string;
    readonly end_time?: number;
    readonly run_name: string;
    readonly artifact_uri: string;
  };
  readonly data: {
    readonly params?: readonly { key: string; value: string }[];
    readonly tags?: readonly { key: string; value: string }[];
    readonly metrics?: readonly { key: string }[];
  };
  readonly inputs?: { readonly dataset_inputs?: readonly { dataset: Snapshot['datasets'][number] }[] };
}
