import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { freePort } from './redis-server.js';

/** How MariaDB is spoken to as its administrator: on this machine, without a password. */
const SQL = ['--host=127.0.0.1', '--user=root', '--batch', '--skip-column-names'];

/** Slurm's accounting: its daemon, `slurmdbd`, over a database of the test's own in the MariaDB of this machine. */
export class SlurmAccounting {
  readonly #database = `shield_slurm_${randomBytes(4).toString('hex')}`;

  private constructor(private readonly port: number) {}

  /** Undefined where there is no slurmdbd, or no MariaDB that lets us in. */
  static async possible(): Promise<SlurmAccounting | undefined> {
    const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };
    const programs = ['slurmdbd', 'sacct', 'mysql'].every((name) => spawnSync('which', [name], { env }).status === 0);
    if (!programs || spawnSync('mysql', [...SQL, '--execute=select 1']).status !== 0) return undefined;
    return new SlurmAccounting(await freePort());
  }

  /** What slurm.conf says of it. Jobs are forgotten by the controller at once, so that it is the one to be asked. */
  lines(at: (name: string) => string): string[] {
    return [
      'AccountingStorageType=accounting_storage/slurmdbd',
      'AccountingStorageHost=127.0.0.1',
      `AccountingStoragePort=${this.port}`,
      `AccountingStoragePass=${at('munge.socket')}`,
      'MinJobAge=2',
    ];
  }

  /** Writes `slurmdbd.conf`, which only its user may read. */
  configure(at: (name: string) => string): void {
    const lines = [
      'AuthType=auth/munge',
      `AuthInfo=socket=${at('munge.socket')}`,
      `DbdHost=${hostname().split('.')[0]}`,
      'DbdAddr=127.0.0.1',
      `DbdPort=${this.port}`,
      `SlurmUser=${userInfo().username}`,
      'StorageType=accounting_storage/mysql',
      'StorageHost=127.0.0.1',
      'StorageUser=root',
      `StorageLoc=${this.#database}`,
      `PidFile=${at('slurmdbd.pid')}`,
      `LogFile=${at('slurmdbd.log')}`,
    ];
    writeFileSync(at('slurmdbd.conf'), `${lines.join('\n')}\n`, { mode: 0o600 });
  }

  /** When its daemon has ended. */
  drop(): void {
    spawnSync('mysql', [...SQL, `--execute=drop database if exists ${this.#database}`]);
  }
}
