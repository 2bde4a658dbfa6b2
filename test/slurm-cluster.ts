import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './redis-server.js';

const PROGRAMS = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'squeue', 'scancel', 'scontrol'];
const READY_WITHIN_MS = 60_000;

/** What Slurm's daemons are called by, also where /usr/sbin is not on the path. */
const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };

/**
 * A cluster of the test's own: a controller and one node on this machine, on free ports, with munge's keys and all its
 * state in a folder that goes with it. It needs the packages `slurm-wlm` and `munge` and no rights beyond the user's.
 */
export class SlurmCluster {
  readonly node = hostname().split('.')[0]!;

  private constructor(private readonly folder: string) {}

  /** @returns why there is none, where the programs are not here or do not come up */
  static async start(): Promise<SlurmCluster | string> {
    const missing = PROGRAMS.filter((name) => spawnSync('which', [name], { env }).status !== 0);
    if (missing.length > 0) return `no ${missing.join(', ')} here`;
    const cluster = new SlurmCluster(mkdtempSync(join(tmpdir(), 'shield-slurm-')));
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
  async kill(daemon: 'slurmctld' | 'slurmd' | 'munged', signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
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
    for (const daemon of ['slurmd', 'slurmctld', 'munged'] as const) await this.kill(daemon, 'SIGTERM');
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
    const lines = [
      'ClusterName=shieldtest',
      `SlurmctldHost=${node}(127.0.0.1)`,
      `SlurmUser=${user}`,
      `SlurmdUser=${user}`,
      `AuthInfo=socket=${at('munge.socket')}`,
      `SlurmctldPort=${await freePort()}`,
      `SlurmdPort=${await freePort()}`,
      `StateSaveLocation=${at('state')}`,
      `SlurmdSpoolDir=${at('spool')}`,
      `SlurmctldPidFile=${at('slurmctld.pid')}`,
      `SlurmdPidFile=${at('slurmd.pid')}`,
      `SlurmctldLogFile=${at('slurmctld.log')}`,
      `SlurmdLogFile=${at('slurmd.log')}`,
      'ProctrackType=proctrack/linuxproc',
      'TaskPlugin=task/none',
      'MpiDefault=none',
      'SelectType=select/cons_tres',
      'SelectTypeParameters=CR_Core_Memory',
      'JobAcctGatherType=jobacct_gather/linux',
      'JobAcctGatherFrequency=1',
      'JobAcctGatherParams=OverMemoryKill',
      'ReturnToService=2',
      'KillWait=10',
      // So that two dozen cells are several array jobs.
      'MaxArraySize=11',
      'SlurmdTimeout=10',
      'SlurmdParameters=config_overrides',
      'SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0',
      // Whatever this machine has: cells are small.
      `NodeName=${node} NodeAddr=127.0.0.1 CPUs=2 RealMemory=8000 State=UNKNOWN`,
      `PartitionName=main Nodes=${node} Default=YES MaxTime=INFINITE State=UP`,
      `PartitionName=short Nodes=${node} MaxTime=1 State=UP`,
    ];
    writeFileSync(at('slurm.conf'), `${lines.join('\n')}\n`);
  }

  async #startDaemons(): Promise<void> {
    const at = (name: string) => join(this.folder, name);
    const files = [`--key-file=${at('munge.key')}`, `--socket=${at('munge.socket')}`, `--pid-file=${at('munged.pid')}`];
    // --force: the folder of temporary files is writable for all.
    this.#run('munged', '--force', ...files, `--log-file=${at('munged.log')}`, `--seed-file=${at('munged.seed')}`);
    await this.startController();
    await this.startNode();
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
    return ['slurmctld.log', 'slurmd.log', 'munged.log'].map((name) => this.#read(name).slice(-600)).join('\n');
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
