import { randomInt } from 'node:crypto';
import { linkSync, readFileSync, readlinkSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { readFile, rename, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ShieldError, systemCode, writeError } from '../errors/index.js';

/** Who works on a run. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601, UTC. */
  readonly since: string;
}

interface LockRecord extends LockHolder {
  /** Host and process namespace: the pid means something only there. */
  readonly place: string;
  /** When the process began, as the system counts it: tells it from a later one of the same number. */
  readonly began: string;
}

const FILE = 'lock.json';

/** What is taken of a folder, and from whom. */
export interface LockOptions {
  /**
   * A holder on this host that has not refreshed its lock for so long is passed over though it lives, for what two may
   * do at a time without harm; default: never.
   */
  readonly silentAfterMs?: number;
  /** Name of the lock's file in the folder; default: the one that stands for the folder itself. */
  readonly file?: string;
}

/** A holder on another host counts as dead when it has not refreshed its lock for this long. */
const DEAD_AFTER_MS = 120_000;

/**
 * One process works on a run at a time. A lock that is there is taken from its dead holder under the guard of
 * proper-lockfile, one that is not is made by a hard link, in which one alone succeeds; the lock itself is a file that
 * names its holder, so that a run whose process was killed can be gone on with at once, without waiting for a timeout:
 * on the same host the holder is asked for, elsewhere the lock's age counts.
 */
export class RunLock {
  private constructor(
    private readonly path: string,
    private readonly text: string,
  ) {}

  /**
   * @throws RUN_LOCKED with the pid and host of the holder; WRITE_FAILED, DISK_FULL
   */
  static async acquire(runPath: string, options: LockOptions = {}): Promise<RunLock> {
    const path = join(runPath, options.file ?? FILE);
    const record: LockRecord = { pid: process.pid, host: hostname(), since: new Date().toISOString(), ...ownPlace() };
    const text = `${JSON.stringify(record)}\n`;
    const draft = join(dirname(path), `.${basename(path)}.${process.pid}-${randomInt(2 ** 32)}`);
    const lock = new RunLock(path, text);
    try {
      // At once: each of these would cost more than it does on its way through the thread pool.
      writeFileSync(draft, text);
      if (linked(draft, path)) return lock;
      const release = await guard(path);
      try {
        // Looked at after each try: nobody else replaces a lock meanwhile, but one that is gone anybody may make anew.
        for (let tries = 1; tries <= 2; tries++) {
          const holder = await lockHolder(runPath, options);
          if (holder)
            throw new ShieldError('RUN_LOCKED', { id: basename(runPath), pid: holder.pid, host: holder.host });
          if (linked(draft, path)) return lock;
        }
        await rename(draft, path);
        return lock;
      } finally {
        await release();
      }
    } catch (error) {
      throw writeError(error, path);
    } finally {
      rmSync(draft, { force: true });
    }
  }

  /** Says that the holder lives, for other hosts. @returns false when another process has taken the run over */
  refresh(): boolean {
    if (!this.#isOurs()) return false;
    try {
      const now = new Date();
      utimesSync(this.path, now, now);
    } catch {
      // A full or briefly missing disk is no reason to give the run up.
    }
    return true;
  }

  /** Leaves the lock of a process that took over alone. Works in a process that is about to exit. */
  release(): void {
    if (this.#isOurs()) rmSync(this.path, { force: true });
  }

  #isOurs(): boolean {
    try {
      return readFileSync(this.path, 'utf8') === this.text;
    } catch (error) {
      // A lock that cannot be read for another reason than being gone is taken to be still there.
      return systemCode(error) !== 'ENOENT';
    }
  }
}

/** The living process that holds the lock in this directory, if there is one. */
export async function lockHolder(runPath: string, options: LockOptions = {}): Promise<LockHolder | undefined> {
  const { silentAfterMs = Infinity, file = FILE } = options;
  const path = join(runPath, file);
  let record: LockRecord;
  let touched: number;
  try {
    record = JSON.parse(await readFile(path, 'utf8')) as LockRecord;
    touched = (await stat(path)).mtimeMs;
  } catch {
    return undefined;
  }
  const silent = Date.now() - touched;
  const alive =
    record.place === ownPlace().place ? silent < silentAfterMs && isRunning(record) : silent < DEAD_AFTER_MS;
  return alive ? { pid: record.pid, host: record.host, since: record.since } : undefined;
}

function isRunning(record: LockRecord): boolean {
  try {
    process.kill(record.pid, 0);
  } catch (error) {
    if (systemCode(error) === 'ESRCH') return false;
  }
  const began = beginOf(record.pid);
  return began === undefined || record.began === '' || began === record.began;
}

/** Clock ticks from boot to the start of the process, where /proc says it (proc(5), field 22 of stat). */
function beginOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // A zombie holds nothing any more, though it still has a number.
    return fields[0] === 'Z' ? 'dead' : fields[19];
  } catch {
    return undefined;
  }
}

/** Makes the lock's file where there is none. @returns false where there is one, or the file system has no hard links */
function linked(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    // Over NFS an answer may be lost, and the second try meets the first.
    if (systemCode(error) === 'EEXIST') return statSync(draft).nlink === 2;
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(systemCode(error) ?? '')) return false;
    throw error;
  }
}

let own: Pick<LockRecord, 'place' | 'began'> | undefined;

/** What does not change while this process lives. */
function ownPlace(): Pick<LockRecord, 'place' | 'began'> {
  return (own ??= { place: place(), began: beginOf(process.pid) ?? '' });
}

/** Two containers can share a host name and count their processes apart; a reboot begins the count anew. */
function place(): string {
  const read = (get: () => string) => {
    try {
      return get().trim();
    } catch {
      return '';
    }
  };
  const boot = read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
  return [hostname(), boot, read(() => readlinkSync('/proc/self/ns/pid'))].join(' ');
}

/** Held for the milliseconds that taking the lock needs; that of a process killed meanwhile ends by itself. */
async function guard(path: string): Promise<() => Promise<void>> {
  const { default: lockfile } = await import('proper-lockfile');
  // One for each lock: who wants another batch of the same artifact waits for nobody.
  const lockfilePath = join(dirname(path), basename(path) === FILE ? '.lock-guard' : `.${basename(path)}-guard`);
  const options = { lockfilePath, realpath: false, stale: 5000, onCompromised: () => undefined };
  for (let tries = 1; ; tries++) {
    try {
      const release = await lockfile.lock(path, options);
      return () => release().catch(() => undefined);
    } catch (error) {
      // Anything but a guard held by another process will not pass by waiting.
      if (systemCode(error) !== 'ELOCKED' || tries > 200) throw writeError(error, path);
      await sleep(20 + Math.random() * 30);
    }
  }
}
