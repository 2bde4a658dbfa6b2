import { execFile } from 'node:child_process';

/** What Slurm says of one task of an array job. */
export interface TaskState {
  /** PENDING, RUNNING, TIMEOUT, …: as squeue and sacct write it, in full. */
  readonly state: string;
  /** Why it waits, or ended so. */
  readonly reason: string;
}

/**
 * Why a command of Slurm failed. `missing`: it is not on this machine; `away`: nobody answers now; `refused`: it was
 * answered, and the answer is no.
 */
export class SlurmFailure extends Error {
  constructor(
    readonly kind: 'missing' | 'away' | 'refused',
    message: string,
  ) {
    super(message);
  }
}

/** Slurm's own patience with its controller is below a minute. */
const ANSWER_WITHIN_MS = 120_000;
/** Arguments of one scancel. */
const CANCEL_AT_ONCE = 500;

const AWAY =
  /unable to contact slurm|unable to connect|connection (refused|timed out|reset)|socket timed out|communications? (error|connection|failure)|configuration source|failed to fetch config|no route to host|zero bytes|munge|authentication|slurmctld.*(down|standby)|temporarily unable|try again/i;

/** @returns what it prints @throws SlurmFailure */
function slurm(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: ANSWER_WITHIN_MS, maxBuffer: 2 ** 28, env: { ...process.env, LC_ALL: 'C' } };
    execFile(command, args, options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      if (error.code === 'ENOENT') return reject(new SlurmFailure('missing', `there is no ${command} on this machine`));
      // Ctrl-C reaches it too, and nobody knows then what the controller heard of it.
      const unheard = error.killed || error.signal ? `${command} gave no answer` : undefined;
      const said = wordsOf(stderr) || unheard || error.message;
      reject(new SlurmFailure(unheard || AWAY.test(said) ? 'away' : 'refused', said));
    });
  });
}

/** Slurm begins each line with the command's name, and says the reason last. */
function wordsOf(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.replace(/^\w+: (error|fatal): /, '').trim());
  return [...new Set(lines.filter((line) => line !== ''))].join('; ');
}

/** Tasks that one array job may have. @throws SlurmFailure where there is no cluster */
export async function largestArray(): Promise<number> {
  const config = await slurm('scontrol', ['show', 'config']);
  // Numbers of tasks stay below it; a cluster of 0 has no array jobs.
  return Number(/^MaxArraySize\s*=\s*(\d+)/m.exec(config)?.[1] ?? 1001) - 1;
}

/** @returns the number of the job @throws SlurmFailure */
export async function submit(args: readonly string[]): Promise<string> {
  const said = await slurm('sbatch', ['--parsable', ...args]);
  const id = /^(\d+)/m.exec(said)?.[1];
  if (id === undefined) throw new SlurmFailure('refused', `sbatch gave no number: ${said.trim()}`);
  return id;
}

/** The array job of a name, where Slurm knows one. @throws SlurmFailure */
export async function findByName(name: string): Promise<string | undefined> {
  const said = await slurm('squeue', ['-h', '-t', 'all', '-n', name, '-o', '%F']);
  return /^\d+/m.exec(said)?.[0];
}

/** What is known of the tasks of array jobs, by `JOB_TASK`; those that ended a while ago are not among them. */
export async function queueStates(jobs: readonly string[]): Promise<Map<string, TaskState>> {
  try {
    const said = await slurm('squeue', ['-h', '-r', '-t', 'all', '-j', jobs.join(','), '-o', '%i|%T|%r']);
    return readStates(said);
  } catch (error) {
    // A single one that Slurm has forgotten is an error to it, several are not.
    if (error instanceof SlurmFailure && /invalid job id/i.test(error.message)) return new Map();
    throw error;
  }
}

/** The same of the accounting database, which forgets nothing; empty where the cluster keeps none. */
export async function accountedStates(job: string): Promise<Map<string, TaskState>> {
  const said = await slurm('sacct', ['-n', '-X', '-P', '-j', job, '-o', 'JobID,State,Reason']).catch(() => '');
  return readStates(said);
}

/** Lines of `JOB_TASK|STATE|REASON`. */
export function readStates(text: string): Map<string, TaskState> {
  const states = new Map<string, TaskState>();
  for (const line of text.split('\n')) {
    const [id, state, reason = ''] = line.trim().split('|');
    // `CANCELLED by 1000`
    if (id && state) states.set(id, { state: state.split(' ')[0]!, reason });
  }
  return states;
}

/** @param ids `JOB`, or `JOB_TASK` @throws SlurmFailure; ended ones are none */
export async function cancel(ids: readonly string[]): Promise<void> {
  for (let i = 0; i < ids.length; i += CANCEL_AT_ONCE)
    await slurm('scancel', ['-Q', ...ids.slice(i, i + CANCEL_AT_ONCE)]).catch((error: unknown) => {
      if (!(error instanceof SlurmFailure && /invalid job id|already completing/i.test(error.message))) throw error;
    });
}
