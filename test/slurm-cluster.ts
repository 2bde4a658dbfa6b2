import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './redis-server.js';
import type { SlurmAccounting } from './slurm-accounting.js';
import { slurmConf } from './slurm-conf.js';

const PROGRAMS = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'squeue', 'scancel', 'scontrol'];
const READY_WITHIN_MS = 60_000;

type Daemon = 'slurmctld' | 'slurmd' | 'slurmdbd' | 'munged';

/** What Slurm's daemons are called by, also where /usr/sbin is not on the path. */
const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };

/**
 * A cluster of the test's own: a controller and one node on this machine, on free ports, with munge's keys and all its
 * state in a folder that goes with it. It needs the packages `slurm-wlm` and `munge` and no rights beyond the user's.
 */
export class SlurmCluster {
  readonly node = hostname().split('.')[0]!;

  private constructor(
    private readonly folder: string,
    private readonly accounting: SlurmAccounting | undefined,
  ) {}

  /**
   * @param accounting where it is to keep what became of jobs
   * @returns why there is none, where the programs are not here or do not come up
   */
  static async start(accounting?: SlurmAccounting): Promise<SlurmCluster | string> {
    const missing = PROGRAMS.filter((name) => spawnSync('which', [name], { env }).status !== 0);
    if (missing.length > 0) return `no ${missing.join(', ')} here`;
    const cluster = new SlurmCluster(mkdtempSync(join(tmpdir(), 'shield-slurm-')), accounting);
    try {
      await cluster.#configure();
      await cluster.#startDaemons();
      return cluster;
    } catch (error) {
      const log = cluster.#log();
      await cluster.end();
      return `Slurm does not come up: ${(error as Error).message}\n${log}`;
    }
  }

  /** For what is to talk to it. */
  get env(): Record<string, string> {
    return { SLURM_CONF: join(this.folder, 'slurm.conf') };
  }

  /** @returns what a command of Slurm prints */
  ask(command: string, ...args: string[]): string {
    return execFileSync(command, args, { env: { ...env, ...this.env }, encoding: 'utf8' });
  }

  /** What is in the queue: `JOB_TASK STATE`. */
  queue(...args: string[]): string[] {
    return this.ask('squeue', '-h', '-r', '-o', '%i %T', ...args)
      .split('\n')
      .filter(Boolean);
  }

  async startController(): Promise<void> {
    this.#run('slurmctld', '-f', join(this.folder, 'slurm.conf'));
    const until = performance.now() + READY_WITHIN_MS;
    while (spawnSync('scontrol', ['ping'], { env: { ...env, ...this.env } }).status !== 0) {
      if (performance.now() > until) throw new Error('its controller does not answer');
      await sleep(200);
    }
  }

  async startNode(): Promise<void> {
    this.#run('slurmd', '-f', join(this.folder, 'slurm.conf'));
    const until = performance.now() + READY_WITHIN_MS;
    while (!/^(idle|mixed|allocated)$/m.test(this.#state())) {
      if (performance.now() > until) throw new Error(`its node is ${this.#state()}`);
      await sleep(200);
    }
  }

  /**
   * @param signal SIGKILL: as of a machine that loses its power. A controller must not: it saves its state every few
   *   seconds, and one that starts jobs a second time drains the node.
   */
  async kill(daemon: Daemon, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const pid = Number(this.#read(`${daemon}.pid`));
    if (!(pid > 0)) return;
    try {
      process.kill(pid, signal);
    } catch {
      // It is gone already.
    }
    while (isAlive(pid)) await sleep(50);
    rmSync(join(this.folder, `${daemon}.pid`), { force: true });
  }

  async end(): Promise<void> {
    try {
      this.ask('scancel', '-u', userInfo().username);
      while (this.queue().length > 0) await sleep(100);
    } catch {
      // A controller that is gone has nothing to cancel.
    }
    for (const daemon of ['slurmd', 'slurmctld', 'slurmdbd', 'munged'] as const) await this.kill(daemon, 'SIGTERM');
    this.accounting?.drop();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #configure(): Promise<void> {
    const { folder, node } = this;
    const user = userInfo().username;
    const at = (name: string) => join(folder, name);
    for (const name of ['state', 'spool']) mkdirSync(at(name));
    writeFileSync(at('munge.key'), randomBytes(1024), { mode: 0o400 });
    // Read where the version has it; without cgroups the memory of jobs is polled, and processes are found by /proc.
    writeFileSync(at('cgroup.conf'), `CgroupPlugin=cgroup/v1\nCgroupAutomount=no\nCgroupMountpoint=${at('cgroup')}\n`);
    const ports = { controller: await freePort(), node: await freePort() };
    this.accounting?.configure(at);
    const accounting = this.accounting?.lines(at) ?? [];
    writeFileSync(at('slurm.conf'), slurmConf({ at, user, node, ports, accounting }));
  }

  async #startDaemons(): Promise<void> {
    const at = (name: string) => join(this.folder, name);
    const files = [`--key-file=${at('munge.key')}`, `--socket=${at('munge.socket')}`, `--pid-file=${at('munged.pid')}`];
    // --force: the folder of temporary files is writable for all.
    this.#run('munged', '--force', ...files, `--log-file=${at('munged.log')}`, `--seed-file=${at('munged.seed')}`);
    if (this.accounting) await this.#startAccounting();
    await this.startController();
    await this.startNode();
  }

  async #startAccounting(): Promise<void> {
    this.#run('slurmdbd');
    const until = performance.now() + READY_WITHIN_MS;
    const known = () => spawnSync('sacctmgr', ['-i', 'add', 'cluster', 'shieldtest'], { env: { ...env, ...this.env } });
    while (known().status !== 0) {
      if (performance.now() > until) throw new Error('its accounting does not answer');
      await sleep(500);
    }
  }

  #state(): string {
    return spawnSync('sinfo', ['-h', '-p', 'main', '-o', '%T'], { env: { ...env, ...this.env }, encoding: 'utf8' })
      .stdout;
  }

  #run(program: string, ...args: string[]): void {
    const { status, stderr } = spawnSync(program, args, {
      env: { ...env, ...this.env },
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    if (status !== 0) throw new Error(`${program}: ${stderr}`);
  }

  #read(name: string): string {
    try {
      return readFileSync(join(this.folder, name), 'utf8');
    } catch {
      return '';
    }
  }

  #log(): string {
    return ['slurmctld.log', 'slurmd.log', 'slurmdbd.log', 'munged.log']
      .map((name) => this.#read(name).slice(-600))
      .join('\n');
  }
}

/** One that ended counts as gone, also where nobody has asked how it did: not every container's first process does. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
